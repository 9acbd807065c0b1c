/** A certificate of one's own, for https in the local network: X.509 v3 in DER, ECDSA over P-256. Source: RFC 5280, 5480, 5758. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

export interface Certificate {
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
}

const DAY = 24 * 60 * 60 * 1000;

function der(tag: number, ...parts: readonly (Uint8Array | number)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)));
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...head), content]);
}
const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const text = (tag: number, value: string) => der(tag, Buffer.from(value));
/** An object identifier, given as it is encoded. */
const oid = (hex: string) => der(6, Buffer.from(hex, 'hex'));
const time = (date: Date) => text(0x17, `${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`);
const extension = (id: string, value: Uint8Array) => sequence(oid(id), der(4, value));

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const COMMON_NAME = '550403';
const BASIC_CONSTRAINTS = '551d13';
const SUBJECT_ALT_NAME = '551d11';

/** @param hosts names and IPv4 addresses under which the page is opened. */
export function selfSigned(hosts: readonly string[]): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(der(0x31, sequence(oid(COMMON_NAME), text(0x0c, 'chaingrad studio'))));
  const alternatives = hosts.map((host) =>
    isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : text(0x82, host),
  );
  const now = Date.now();
  const body = sequence(
    der(0xa0, der(2, 2)),
    der(2, 1, randomBytes(15)),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(new Date(now - DAY)), time(new Date(now + 365 * DAY))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        extension(BASIC_CONSTRAINTS, sequence()),
        extension(SUBJECT_ALT_NAME, sequence(...alternatives)),
      ),
    ),
  );
  const signature = sign('sha256', body, privateKey);
  const base64 = sequence(body, ECDSA_WITH_SHA256, der(3, 0, signature))
    .toString('base64')
    .replace(/.{64}/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${base64.trimEnd()}\n-----END CERTIFICATE-----\n`,
  };
}
