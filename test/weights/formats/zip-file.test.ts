import { FormatError, Random } from '@chaingrad/core';
import { expect } from 'chai';
import { deflateSync } from 'fflate';
import { ZipFile } from '../../../packages/weights/src/formats/zip-file.ts';
import { openRandomAccess, type RandomAccess } from '../../../packages/weights/src/sources/random-access.ts';
import { rejection } from '../../support/errors.ts';
import { buildZip, type EntrySpec } from './zip-builder.ts';

/** Numbers that deflate to about half, so that many pieces go in and many come out. */
const rng = new Random(3);
const content = Uint8Array.from({ length: 3_000_000 }, () => rng.integer(16));
const packed = deflateSync(content);

async function open(spec: Partial<EntrySpec> = {}) {
  const bytes = buildZip([{ name: 'a', content, deflate: true, packed, ...spec }]);
  const access = await openRandomAccess(bytes, { name: 'evil.zip' });
  const zip = await ZipFile.open(access);
  const { entry } = await zip.locate(zip.records.get('a')!);
  return { access, zip, entry };
}

async function unpack(parts: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const part of parts) length += part.length;
  return length;
}

describe('a deflated entry, unpacked piece by piece', () => {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown) => unhandled.push(reason);
  before(() => process.on('unhandledRejection', listener));
  after(() => process.off('unhandledRejection', listener));
  afterEach(async () => {
    // Rejections that no one waits for are told after the microtasks.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(unhandled.splice(0), 'unhandled rejections').to.deep.equal([]);
  });

  it('comes whole', async () => {
    const { zip, entry } = await open();
    expect(entry.end - entry.start).to.be.above(10 * 65536);
    let at = 0;
    for await (const part of zip.content(entry)) {
      for (let i = 0; i < part.length; i += 997) expect(part[i]).to.equal(content[at + i]);
      at += part.length;
    }
    expect(at).to.equal(content.length);
  });

  it('may be left after any piece, and read again', async () => {
    const { zip, entry } = await open();
    for (const pieces of [0, 1, 2, 5]) {
      const parts = zip.content(entry);
      for (let i = 0; i < pieces; i++) expect((await parts.next()).done).to.equal(false);
      await parts.return(undefined);
      expect((await parts.next()).done).to.equal(true);
    }
    for await (const part of zip.content(entry)) {
      expect(part.length).to.be.above(0);
      break;
    }
    expect(await unpack(zip.content(entry))).to.equal(content.length);
  });

  it('may be left by an error of the one who reads, which is what he sees', async () => {
    const { zip, entry } = await open();
    const reading = async () => {
      for await (const _ of zip.content(entry)) throw new RangeError('mine');
    };
    await rejection(reading(), RangeError);
  });

  const flipped = (at: number, change = 0xff) => {
    const bytes = packed.slice();
    bytes[at]! ^= change;
    return bytes;
  };
  const middle = Math.floor(packed.length / 2);
  const damages: [string, Partial<EntrySpec>][] = [
    ['cut off in the middle', { packed: packed.slice(0, middle) }],
    ['cut off before its last byte', { packed: packed.slice(0, -1) }],
    ['damaged at the start', { packed: flipped(0) }],
    ['damaged in the middle', { packed: flipped(middle) }],
    ['damaged at the end', { packed: flipped(packed.length - 3) }],
    ['of zeros', { packed: new Uint8Array(packed.length) }],
    ['of ones', { packed: new Uint8Array(packed.length).fill(0xff) }],
    ['followed by more', { packed: new Uint8Array([...packed, 1, 2, 3]) }],
    ['of another checksum', { claims: { crc: 7 } }],
    ['shorter than it says', { claims: { size: content.length + 1 } }],
    ['longer than it says', { claims: { size: content.length - 1 } }],
  ];
  for (const [what, spec] of damages) {
    it(`is a FormatError where it is ${what}`, async () => {
      const { zip, entry } = await open(spec);
      // What follows the end of the deflated data is no value: a reader may pass over it.
      if (what === 'followed by more') {
        const result = await unpack(zip.content(entry)).catch((error: unknown) => error);
        if (typeof result === 'number') expect(result).to.equal(content.length);
        else expect(result).to.be.instanceOf(FormatError);
        return;
      }
      const error = await rejection(unpack(zip.content(entry)), FormatError);
      expect(error).to.include({ file: 'evil.zip', key: 'a' });
    });
  }

  it('damaged, may be left before that shows', async () => {
    const { zip, entry } = await open({ packed: flipped(packed.length - 3) });
    const parts = zip.content(entry);
    await parts.next();
    await parts.return(undefined);
  });

  it('tells what could not be read as it is, wherever that happens', async () => {
    class Unreadable extends Error {}
    const { access, entry } = await open();
    for (const good of [0, 1, 3]) {
      let reads = Number.NEGATIVE_INFINITY;
      const broken: RandomAccess = {
        name: access.name,
        size: access.size,
        read(start, end) {
          if (reads++ >= good) {
            return Promise.reject(new Unreadable('the disk is gone'));
          }
          return access.read(start, end);
        },
        close: () => access.close(),
        [Symbol.asyncDispose]: () => access.close(),
      };
      const zip = await ZipFile.open(broken);
      reads = 0;
      await rejection(unpack(zip.content(entry)), Unreadable);
    }
  });
});
