import { InvalidArgumentError, setSeed } from '@chaingrad/core';
import {
  ConcatenatedDataset,
  collectExamples,
  type Dataset,
  getExample,
  SubDataset,
  splitDataset,
  splitDatasetN,
  splitDatasetNRandom,
  splitDatasetRandom,
  TransformDataset,
  TupleDataset,
} from '@chaingrad/training';
import { expect } from 'chai';
import { thrown } from '../../support/errors.ts';

const all = async <E>(dataset: Dataset<E>): Promise<E[]> =>
  Promise.all(Array.from({ length: dataset.length }, (_, i) => getExample(dataset, i)));

const letters = ['a', 'b', 'c', 'd', 'e'];
const later = { length: 3, get: async (i: number) => `later ${i}` };

describe('datasets', () => {
  it('are arrays, typed arrays and objects with length and get', async () => {
    expect(await all(letters)).to.deep.equal(letters);
    expect(await all(Int32Array.of(4, 5))).to.deep.equal([4, 5]);
    expect(await all(later)).to.deep.equal(['later 0', 'later 1', 'later 2']);
    for (const index of [-1, 5, 0.5]) thrown(() => getExample(letters, index), InvalidArgumentError);
    expect(thrown(() => getExample([], 0), InvalidArgumentError).message).to.include('the dataset is empty');
  });

  it('collectExamples reads an iterable, asynchronous or not', async () => {
    async function* stream() {
      yield 1;
      yield 2;
    }
    expect(await collectExamples(stream())).to.deep.equal([1, 2]);
    expect(await collectExamples(new Set([3, 4]))).to.deep.equal([3, 4]);
  });

  it('ConcatenatedDataset indexes across', async () => {
    const both = new ConcatenatedDataset<string>(letters, [], later);
    expect(both.length).to.equal(8);
    expect(await all(both)).to.deep.equal([...letters, 'later 0', 'later 1', 'later 2']);
    thrown(() => both.get(8), InvalidArgumentError);
    thrown(() => both.get(-1), InvalidArgumentError);
    thrown(() => new ConcatenatedDataset(letters, 3 as never), InvalidArgumentError);
  });

  it('TransformDataset changes examples when they are read', async () => {
    const upper = new TransformDataset(letters, (letter, i) => letter.toUpperCase() + i);
    expect(await all(upper)).to.deep.equal(['A0', 'B1', 'C2', 'D3', 'E4']);
    const twice = new TransformDataset(later, async (text) => text.length);
    expect(twice.length).to.equal(3);
    expect(await all(twice)).to.deep.equal([7, 7, 7]);
    thrown(() => upper.get(5), InvalidArgumentError);
  });

  it('TupleDataset puts datasets side by side', async () => {
    const pairs = new TupleDataset<[string, number]>(['a', 'b'], Int32Array.of(0, 1));
    expect(pairs.get(1)).to.deep.equal(['b', 1]);
    const mixed = new TupleDataset<[string, number]>(later, [1, 2, 3]);
    expect(await mixed.get(2)).to.deep.equal(['later 2', 3]);
    const error = thrown(() => new TupleDataset(letters, [1]), InvalidArgumentError);
    expect(error.message).to.include('lengths 5, 1');
    thrown(() => new TupleDataset(), InvalidArgumentError);
  });

  it('SubDataset is a range, in the order of the dataset or another', async () => {
    expect(await all(new SubDataset(letters, 1, 4))).to.deep.equal(['b', 'c', 'd']);
    expect(await all(new SubDataset(letters, 1, 4, [4, 3, 2, 1, 0]))).to.deep.equal(['d', 'c', 'b']);
    const part = new SubDataset(letters, 1, 4);
    thrown(() => part.get(3), InvalidArgumentError);
    thrown(() => part.get(-1), InvalidArgumentError);
    thrown(() => new SubDataset(letters, 2, 6), InvalidArgumentError);
    thrown(() => new SubDataset(letters, 3, 2), InvalidArgumentError);
    thrown(() => new SubDataset(letters, 0, 2, [0, 1]), InvalidArgumentError);
  });

  it('splitDataset and splitDatasetN give disjoint parts', async () => {
    const [head, tail] = splitDataset(letters, 2);
    expect([await all(head), await all(tail)]).to.deep.equal([
      ['a', 'b'],
      ['c', 'd', 'e'],
    ]);
    const thirds = await Promise.all(splitDatasetN(letters, 2).map(all));
    expect(thirds).to.deep.equal([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    thrown(() => splitDatasetN(letters, 6), InvalidArgumentError);
    thrown(() => splitDatasetN(letters, 0), InvalidArgumentError);
  });

  it('random splits repeat with their seed, or with that of the default generator', async () => {
    const numbers = Array.from({ length: 40 }, (_, i) => i);
    const split = async (seed?: number) => {
      const [a, b] = splitDatasetRandom(numbers, 30, seed);
      return [...(await all(a)), ...(await all(b))];
    };
    const first = await split(3);
    expect(first).to.not.deep.equal(numbers);
    expect([...first].sort((a, b) => a - b)).to.deep.equal(numbers);
    expect(await split(3)).to.deep.equal(first);
    expect(await split(4)).to.not.deep.equal(first);
    setSeed(1);
    const drawn = await split();
    expect(await split()).to.not.deep.equal(drawn);
    setSeed(1);
    expect(await split()).to.deep.equal(drawn);
    const quarters = await Promise.all(splitDatasetNRandom(numbers, 4, 3).map(all));
    expect(quarters.flat()).to.deep.equal(first);
  });
});
