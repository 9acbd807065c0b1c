import { Random } from '@chaingrad/core';
import { expect } from 'chai';
import { unzipSync } from 'fflate';
import { FormatError } from '../../../packages/core/src/arrays/format-error.ts';
import { crc32, crc32ByTables } from '../../../packages/weights/src/formats/crc32.ts';
import { writeZip, type ZipContent } from '../../../packages/weights/src/formats/write-zip.ts';
import { ZipFile } from '../../../packages/weights/src/formats/zip-file.ts';
import { openRandomAccess } from '../../../packages/weights/src/sources/random-access.ts';

const openZip = async (archive: Uint8Array<ArrayBuffer>) => ZipFile.open(await openRandomAccess(archive));

const rng = new Random(7);
const bytes = (length: number) => Uint8Array.from({ length }, () => rng.integer(256));

describe('crc32', () => {
  it('has the known check value', () => {
    const digits = new TextEncoder().encode('123456789');
    expect(crc32ByTables(digits)).to.equal(0xcbf43926);
    expect(crc32(digits)).to.equal(0xcbf43926);
  });

  it('is the same by tables, for every length and cut', () => {
    for (let length = 0; length < 40; length++) {
      const all = bytes(length);
      const cut = rng.integer(length + 1);
      expect(crc32ByTables(all)).to.equal(crc32(all));
      const before = crc32ByTables(all.subarray(0, cut));
      expect(crc32ByTables(all.subarray(cut), before)).to.equal(crc32(all));
      expect(crc32(all.subarray(cut), before)).to.equal(crc32(all));
    }
    for (const crc of [crc32, crc32ByTables]) expect(crc(new Uint8Array(), 5), crc.name).to.equal(5);
  });
});

describe('writeZip', () => {
  const entries: ZipContent[] = [
    { name: '10.npy', parts: [bytes(3), bytes(0), bytes(1000)] },
    { name: '2.npy', parts: [new Uint8Array(5000)] },
    { name: '画像/W.npy', parts: [] },
  ];

  for (const compression of [true, false]) {
    it(`is read here and by another program, in the order given (compression ${compression})`, async () => {
      const archive = writeZip(entries, { compression });
      const zip = await openZip(archive);
      const directory = [...zip.records.values()];
      expect(directory.map(({ name }) => name)).to.deep.equal(entries.map(({ name }) => name));
      expect(directory.map(({ deflated }) => deflated)).to.deep.equal(entries.map(() => compression));
      const others = unzipSync(archive);
      for (const [i, { name, parts }] of entries.entries()) {
        const content = Buffer.concat(parts);
        expect(Buffer.from(await zip.small(directory[i]!, content.length))).to.deep.equal(content);
        expect(Buffer.from(others[name]!)).to.deep.equal(content);
      }
      if (compression) expect(directory[1]!.packedSize).to.be.below(100);
    });
  }

  it('writes an archive without entries', async () => {
    expect((await openZip(writeZip([], { compression: false }))).records.size).to.equal(0);
  });

  it('refuses what the format cannot hold', () => {
    const long = [{ name: 'x'.repeat(65536), parts: [] }];
    expect(() => writeZip(long, { compression: false })).to.throw(FormatError, 'at most 65535 bytes');
    // The same megabyte again and again: nothing is allocated before the size is known.
    const part = new Uint8Array(2 ** 20);
    const large = [{ name: 'x', parts: Array.from({ length: 4096 }, () => part) }];
    expect(() => writeZip(large, { compression: false })).to.throw(FormatError, 'less than 4 GiB');
  });
});
