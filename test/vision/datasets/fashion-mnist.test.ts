import { existsSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { DatasetError, fashionMnistFolder, openFashionMnist, VisionOptionError } from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { requirePresent } from '../../support/present.ts';
import { filesOf } from './support.ts';

const idx = (shape: readonly number[], data: readonly number[]) => {
  const head = [0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255])];
  return Uint8Array.from([...head, ...data]);
};
const images = idx([2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
const labels = idx([2], [9, 3]);
const tiny = (files: Record<string, Uint8Array<ArrayBuffer>> = {}) =>
  filesOf({
    't10k-images-idx3-ubyte.gz': new Uint8Array(gzipSync(images)),
    't10k-labels-idx1-ubyte': labels,
    ...files,
  });

describe('openFashionMnist', () => {
  it('reads packed and unpacked files', async () => {
    const dataset = await openFashionMnist('test', tiny());
    expect(dataset).to.include({ length: 2, height: 2, width: 3 });
    expect([...dataset.images]).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect([...dataset.labels]).to.deep.equal([9, 3]);
  });

  it('says how to get missing files', async () => {
    const error = await rejection(openFashionMnist('train', tiny()), VisionOptionError);
    expect(error.message).to.contain('apt-get install dataset-fashion-mnist');
  });

  it('names a damaged file', async () => {
    const packed = new Uint8Array(gzipSync(images));
    const cases: [string, Uint8Array<ArrayBuffer>][] = [
      ['t10k-images-idx3-ubyte.gz', packed.slice(0, 20)],
      ['t10k-images-idx3-ubyte.gz', images.slice(0, -1)],
      ['t10k-images-idx3-ubyte.gz', labels],
      ['t10k-labels-idx1-ubyte', idx([3], [1, 2, 3])],
    ];
    for (const [file, bytes] of cases) {
      const { problem } = await rejection(openFashionMnist('test', tiny({ [file]: bytes })), DatasetError);
      expect(problem.file).to.equal(file);
    }
  });

  it('reads the files of the Debian package', async function () {
    requirePresent(existsSync(fashionMnistFolder), 'apt-get install dataset-fashion-mnist', this);
    const { length, height, width, labels: truth } = await openFashionMnist('test');
    expect([length, height, width]).to.deep.equal([10000, 28, 28]);
    // A thousand of each class.
    const counts = new Int32Array(10);
    for (const label of truth) counts[label]!++;
    expect(new Set(counts)).to.deep.equal(new Set([1000]));
  });
});
