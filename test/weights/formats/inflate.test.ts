import zlib from 'node:zlib';
import { Random } from '@chaingrad/core';
import { expect } from 'chai';
import { inflateStart, inflateStep, newInflater } from '../../../packages/weights/src/formats/inflate.ts';
import { regroup } from '../../../packages/weights/src/formats/pieces.ts';
import { rejection } from '../../support/errors.ts';

const rng = new Random(5);
/** More than several steps, packed and unpacked, and no multiple of one. */
const content = Uint8Array.from({ length: 7 * inflateStep + 4321 }, () => rng.integer(128));
const packed = new Uint8Array(zlib.deflateRawSync(content));

const platforms = { Node: zlib, 'the web': null };

for (const [platform, module] of Object.entries(platforms)) {
  describe(`an inflater of ${platform}`, () => {
    /** Gives an inflater everything, in pieces of the same memory. @returns the number of steps that it took. */
    async function feed(inflater: ReturnType<typeof newInflater>, bytes: Uint8Array): Promise<number> {
      const memory = new Uint8Array(1000);
      let steps = 0;
      for (let at = 0; at < bytes.length; at += memory.length, steps++) {
        const piece = bytes.subarray(at, at + memory.length);
        memory.set(piece);
        if (!(await inflater.write(memory.subarray(0, piece.length)))) return steps;
      }
      inflater.end();
      return steps;
    }

    async function unpack(
      bytes: Uint8Array,
    ): Promise<{ out: Uint8Array; parts: Uint8Array[]; steps: number }> {
      const inflater = newInflater(module);
      const fed = feed(inflater, bytes);
      const parts: Uint8Array[] = [];
      const out: number[] = [];
      for await (const part of inflater.parts) {
        parts.push(part);
        for (const byte of part) out.push(byte);
      }
      return { out: Uint8Array.from(out), parts, steps: await fed };
    }

    it('gives what was packed, and frees what was read at once', async () => {
      const { out, parts, steps } = await unpack(packed);
      expect(Buffer.compare(out, content)).to.equal(0);
      expect(steps).to.equal(Math.ceil(packed.length / 1000));
      expect(parts.length).to.be.above(7);
      expect(parts.reduce((length, part) => length + part.length, 0)).to.equal(0);
    });

    it('gives nothing of nothing', async () => {
      const { out } = await unpack(zlib.deflateRawSync(new Uint8Array(0)));
      expect(out.length).to.equal(0);
    });

    it('ends with an error where data are damaged or cut off', async () => {
      await rejection(unpack(packed.slice(0, -1)), Error);
      await rejection(unpack(new Uint8Array(5000).fill(0xff)), Error);
    });

    it('takes no more when no one reads any more', async () => {
      const inflater = newInflater(module);
      const fed = feed(inflater, packed);
      for await (const part of inflater.parts) {
        expect(part.length).to.be.above(0);
        break;
      }
      expect(await fed).to.be.below(Math.ceil(packed.length / 1000));
    });

    it('ends with an error when there is no more to be had', async () => {
      class Unreadable extends Error {}
      const inflater = newInflater(module);
      const read = (async () => {
        for await (const part of inflater.parts) expect(part.length).to.be.above(0);
      })();
      expect(await inflater.write(packed.slice(0, 100))).to.equal(true);
      inflater.fail(new Unreadable());
      await rejection(read, Unreadable);
    });

    it('unpacks the start alone', () => {
      const start = inflateStart(packed.subarray(0, 300), module);
      expect(start.length).to.be.above(200);
      expect([...start]).to.deep.equal([...content.subarray(0, start.length)]);
      expect(inflateStart(new Uint8Array(300).fill(0xff), module).length).to.equal(0);
    });
  });
}

describe('pieces in memory that is used again', () => {
  it('have one length, but for the last', async () => {
    async function* parts() {
      for (const length of [3, 0, 10, 1, 2]) yield new Uint8Array(length).fill(length);
    }
    const got: number[][] = [];
    const pieces: Uint8Array[] = [];
    for await (const piece of regroup(parts(), 4)) {
      got.push([...piece]);
      pieces.push(piece);
    }
    expect(got).to.deep.equal([
      [3, 3, 3, 10],
      [10, 10, 10, 10],
      [10, 10, 10, 10],
      [10, 1, 2, 2],
    ]);
    expect(pieces.every((piece) => piece.length === 0)).to.equal(true);
  });
});
