/** Datasets by examples and keys. */
import { InvalidArgumentError } from '@chaingrad/core';
import { type Dataset, GetterDataset, getExample, sliceDataset } from '@chaingrad/training';
import { expect } from 'chai';
import { rejection, thrown } from '../../support/errors.ts';

const all = async <E>(dataset: Dataset<E>): Promise<E[]> =>
  Promise.all(Array.from({ length: dataset.length }, (_, i) => getExample(dataset, i)));

/** A dataset that notes what it reads. */
function noted() {
  const read: string[] = [];
  const getter =
    <T>(key: string, value: (i: number) => T) =>
    (i: number) => {
      read.push(`${key}${i}`);
      return value(i);
    };
  const dataset = new GetterDataset(6, {
    img: getter('img', async (i) => `pixels of ${i}`),
    label: getter('label', (i) => 10 * i),
    name: getter('name', (i) => `n${i}`),
  });
  return { dataset, read };
}

describe('GetterDataset', () => {
  it('puts examples together, and reads of them what is asked for', async () => {
    const { dataset, read } = noted();
    expect(await dataset.get(2)).to.deep.equal({ img: 'pixels of 2', label: 20, name: 'n2' });
    expect(read.splice(0)).to.deep.equal(['img2', 'label2', 'name2']);
    expect(await dataset.getKeys(3, ['name'])).to.deep.equal({ name: 'n3' });
    expect(read).to.deep.equal(['name3']);
    await rejection(dataset.get(6), InvalidArgumentError);
    const unknown = await rejection(dataset.getKeys(0, ['bbox' as never]), InvalidArgumentError);
    expect(unknown.message).to.include('one of img, label, name, got bbox');
    thrown(() => new GetterDataset(-1, {}), InvalidArgumentError);
  });
});

describe('sliceDataset', () => {
  it('takes examples from where to where, every so many, or by their indices', async () => {
    const { dataset } = noted();
    const labels = async (range: Parameters<typeof sliceDataset>[1]) => {
      const sliced = sliceDataset(dataset, range, 'label');
      return (await all(sliced)).map((label) => label / 10);
    };
    expect(await labels(null)).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(await labels({ stop: 2 })).to.deep.equal([0, 1]);
    expect(await labels({ start: -2 })).to.deep.equal([4, 5]);
    expect(await labels({ start: 1, stop: -1, step: 2 })).to.deep.equal([1, 3]);
    expect(await labels({ start: 4, stop: 100 })).to.deep.equal([4, 5]);
    expect(await labels({ start: 4, stop: 2 })).to.deep.equal([]);
    expect(await labels([3, 1, 1])).to.deep.equal([3, 1, 1]);
    expect(await labels(Int32Array.of(5))).to.deep.equal([5]);
    expect(await labels([false, true, false, false, true, true])).to.deep.equal([1, 4, 5]);
    expect(await labels(new Array<boolean>(6).fill(false))).to.deep.equal([]);
  });

  it('reads the keys that are asked for and no others, through several slices', async () => {
    const { dataset, read } = noted();
    const some = sliceDataset(dataset, { start: 2 }, ['label', 'name']);
    expect(await some.get(0)).to.deep.equal({ label: 20, name: 'n2' });
    expect(read.splice(0)).to.deep.equal(['label2', 'name2']);
    const names = sliceDataset(some, [3, 0], 'name');
    expect(await all(names)).to.deep.equal(['n5', 'n2']);
    expect(read.splice(0)).to.deep.equal(['name5', 'name2']);
    const masked = sliceDataset(dataset, [false, false, true, false, true, false], ['label', 'name']);
    expect(await all(masked)).to.deep.equal([
      { label: 20, name: 'n2' },
      { label: 40, name: 'n4' },
    ]);
    expect(read.splice(0)).to.deep.equal(['label2', 'name2', 'label4', 'name4']);
    expect(await sliceDataset(dataset, [4]).get(0)).to.deep.equal({
      img: 'pixels of 4',
      label: 40,
      name: 'n4',
    });
    const outside = await rejection(Promise.resolve(some.getKeys(0, ['img' as never])), InvalidArgumentError);
    expect(outside.message).to.include('one of label, name, got img');
  });

  it('takes keys of whole examples where the dataset cannot read less', async () => {
    const list = [
      { a: 1, b: 2 },
      { a: 3, b: 4 },
    ];
    expect(await all(sliceDataset(list, null, ['b']))).to.deep.equal([{ b: 2 }, { b: 4 }]);
    expect(await all(sliceDataset(list, null, 'a'))).to.deep.equal([1, 3]);
    const missing = await rejection(
      Promise.resolve(sliceDataset(list, null, 'c' as never).get(1)),
      InvalidArgumentError,
    );
    expect(missing.message).to.include('example 1').and.include('one of a, b, got c');
  });

  it('refuses ranges that are none', () => {
    const { dataset } = noted();
    for (const range of [{ step: 0 }, { start: 0.5 }, [6], [-1], [0.5]])
      thrown(() => sliceDataset(dataset, range), InvalidArgumentError);
    expect(thrown(() => sliceDataset(dataset, [1, 6]), InvalidArgumentError).message).to.include(
      '6 examples',
    );
    const mask = (range: unknown) =>
      thrown(() => sliceDataset(dataset, range as boolean[]), InvalidArgumentError).message;
    expect(mask([true, false])).to.include('a boolean for each of the 6 examples, got 2 of them');
    expect(mask([true, false, 1, false, false, true])).to.include('got 1');
    thrown(() => sliceDataset(3 as never, null), InvalidArgumentError);
  });
});
