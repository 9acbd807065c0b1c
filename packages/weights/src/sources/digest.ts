/** SHA-256 of data that comes in pieces. WebCrypto takes all at once only, which half a gigabyte is too large for. */
import { node } from './node.ts';
import type { RandomAccess } from './random-access.ts';

export interface Digest {
  update(bytes: Uint8Array): void;
  /** The digest in hexadecimal; ends the computation. */
  hex(): string;
}

/** Node's own implementation; elsewhere @noble/hashes, fetched when it is needed. */
export async function sha256(): Promise<Digest> {
  const modules = node();
  if (modules !== null) {
    const hash = modules.crypto.createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
  }
  const { sha256: noble } = await import('@noble/hashes/sha2.js');
  const hash = noble.create();
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join(''),
  };
}

/** SHA-256 of a text, in hexadecimal. */
export async function sha256Text(text: string): Promise<string> {
  const digest = await sha256();
  digest.update(new TextEncoder().encode(text));
  return digest.hex();
}

/** How much is read at once. */
const step = 1 << 22;

/** SHA-256 of a whole file, in hexadecimal. */
export async function digestOf(file: RandomAccess, signal?: AbortSignal): Promise<string> {
  const digest = await sha256();
  for (let at = 0; at < file.size; at += step) {
    digest.update(await file.read(at, Math.min(file.size, at + step), signal));
  }
  return digest.hex();
}
