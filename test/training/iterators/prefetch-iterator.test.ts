import { InvalidArgumentError, Random, setSeed } from '@chaingrad/core';
import { ExampleError, type ExampleTransform, PrefetchIterator } from '@chaingrad/training';
import { expect } from 'chai';
import { rejection, thrown } from '../../support/errors.ts';
import { runProgram } from '../../support/program.ts';
import { valuesOf } from '../../support/serializable.ts';
import { take } from '../support.ts';

const worker = new URL('./augment.worker.mjs', import.meta.url);

interface Item {
  values: Float32Array;
  wait: number;
}

interface Made {
  values: Float32Array;
  index: number;
  epoch: number;
  bytes: number;
  thread: number;
}

/** Examples of which some take longer, all in one buffer. */
function items(n: number): Item[] {
  const all = new Float32Array(2 * n);
  const rng = new Random(4);
  return Array.from({ length: n }, (_, i) => {
    all[2 * i] = i;
    return { values: all.subarray(2 * i, 2 * i + 2), wait: rng.integer(4) };
  });
}

/** What must not depend on the number of threads. */
const essence = (batches: Made[][]) =>
  batches.map((batch) => batch.map(({ values, index, epoch }) => ({ values: [...values], index, epoch })));

const inProcess: ExampleTransform<Item, Made, { scale: number }> = (
  { values },
  { index, epoch, rng, data },
) => ({
  values: values.map((value) => value * data.scale + rng.uniform()),
  index,
  epoch,
  bytes: 8,
  thread: 0,
});

describe('PrefetchIterator', () => {
  const data = items(13);
  const workerData = { scale: 2 };

  it('gives the same batches whatever the number of threads and however far ahead', async () => {
    await using plain = new PrefetchIterator(data, 5, {
      seed: 8,
      transform: inProcess,
      workerData,
      nPrefetch: 1,
    });
    const expected = essence(await take(plain, 8));
    const epochs = expected.flat().map(({ epoch }) => epoch);
    expect(epochs).to.deep.equal([...Array(13).fill(0), ...Array(13).fill(1), ...Array(13).fill(2), 3]);
    for (const epoch of [0, 1]) {
      const indices = expected
        .flat()
        .slice(13 * epoch, 13 * (epoch + 1))
        .map(({ index }) => index);
      expect(indices).to.not.deep.equal([...indices].sort((a, b) => a - b));
      expect([...indices].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 13 }, (_, i) => i));
    }

    for (const [nWorkers, nPrefetch] of [
      [1, 1],
      [3, 4],
    ] as const) {
      await using threaded = new PrefetchIterator<Item, Made>(data, 5, {
        seed: 8,
        worker,
        nWorkers,
        nPrefetch,
        workerData,
      });
      const batches = await take(threaded, 8);
      expect(essence(batches)).to.deep.equal(expected);
      const made = batches.flat();
      expect(new Set(made.map(({ thread }) => thread)).size).to.equal(nWorkers);
      // One row is sent, not the buffer that all rows share.
      expect(made.every(({ bytes }) => bytes === 8)).to.equal(true);
    }
  });

  it('draws other numbers for each example, epoch and seed', async () => {
    const noise = async (seed: number) => {
      await using iterator = new PrefetchIterator([0, 0, 0], 3, {
        seed,
        shuffle: false,
        transform: (_, { rng }) => rng.bits(),
      });
      return (await take(iterator, 2)).flat();
    };
    const drawn = [...(await noise(1)), ...(await noise(2))];
    expect(new Set(drawn).size).to.equal(12);
    expect(await noise(1)).to.deep.equal(drawn.slice(0, 6));
  });

  it('takes its seed from the default generator', () => {
    setSeed(6);
    const first = new PrefetchIterator([1], 1).seed;
    const second = new PrefetchIterator([1], 1).seed;
    setSeed(6);
    expect(new PrefetchIterator([1], 1).seed)
      .to.equal(first)
      .and.not.equal(second);
  });

  it('prepares so many batches ahead and no more', async () => {
    let asked = 0;
    const dataset = {
      length: 100,
      get: (index: number) => {
        asked++;
        return index;
      },
    };
    await using iterator = new PrefetchIterator(dataset, 10, { nPrefetch: 3 });
    expect(asked).to.equal(0);
    await iterator.next();
    expect(asked).to.equal(40);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(asked).to.equal(40);
    await iterator.next();
    expect(asked).to.equal(50);
  });

  it('ends without repeat, with a short last batch, and can be reset', async () => {
    await using iterator = new PrefetchIterator([1, 2, 3, 4, 5], 2, { repeat: false, shuffle: false });
    expect(await take(iterator, 9)).to.deep.equal([[1, 2], [3, 4], [5]]);
    expect(iterator).to.include({ epoch: 1, isNewEpoch: true, epochDetail: 1, previousEpochDetail: 0.8 });
    iterator.reset();
    expect(iterator).to.include({ epoch: 0, isNewEpoch: false, epochDetail: 0, previousEpochDetail: null });
    expect(await take(iterator, 9)).to.deep.equal([[1, 2], [3, 4], [5]]);
  });

  it('goes on from the middle of an epoch, where batches were prepared ahead', async () => {
    const build = (seed: number) =>
      new PrefetchIterator(data, 5, { seed, transform: inProcess, workerData, nPrefetch: 4 });
    await using whole = build(3);
    const expected = essence(await take(whole, 9));
    await using first = build(3);
    await take(first, 4);
    const saved = await valuesOf(first);
    expect(saved).to.include({ current_position: 7, epoch: 1, is_new_epoch: false, seed: 3 });
    await using second = build(99);
    await second.next();
    for (const entry of second.serialEntries()) entry.write(saved[entry.key] as number);
    expect(second.epochDetail).to.equal(first.epochDetail);
    expect(essence(await take(second, 5))).to.deep.equal(expected.slice(4));
  });

  it('tells which example failed, and tries the batch again', async () => {
    const bad = items(6);
    bad[4]!.values[0] = -1;
    await using iterator = new PrefetchIterator<Item, Made>(bad, 3, {
      worker,
      nWorkers: 2,
      shuffle: false,
      workerData,
    });
    expect(await take(iterator, 1)).to.have.length(1);
    const error = await rejection(iterator.next(), ExampleError);
    expect(error.index).to.equal(4);
    expect(error.message).to.equal('Example 4: cannot decode this');
    expect((error.cause as Error).name).to.equal('RangeError');
    expect(iterator.epochDetail).to.equal(0.5);
    bad[4]!.values[0] = 7;
    const [batch] = await take(iterator, 1);
    expect(batch!.map(({ index }) => index)).to.deep.equal([3, 4, 5]);
  });

  it('tells which examples were lost with a thread, and starts others', async () => {
    const bad = items(4);
    bad[2]!.values[0] = -2;
    await using iterator = new PrefetchIterator<Item, Made>(bad, 2, {
      worker,
      nWorkers: 1,
      nPrefetch: 1,
      shuffle: false,
      workerData,
    });
    await iterator.next();
    const error = await rejection(iterator.next(), ExampleError);
    expect(error.message).to.match(/^Example [23]: The worker ended \(code 3\)\./);
    bad[2]!.values[0] = 1;
    expect((await take(iterator, 1))[0]!.map(({ index }) => index)).to.deep.equal([2, 3]);
  });

  it('fails where the module cannot be loaded', async () => {
    await using iterator = new PrefetchIterator([1], 1, {
      worker: new URL('./no-such.worker.mjs', import.meta.url),
    });
    await rejection(iterator.next(), ExampleError);
  });

  it('does not keep the process alive, nor lets it end while a batch is awaited', async () => {
    const stdout = await runProgram(new URL('one-batch.ts', import.meta.url));
    expect(stdout.trim()).to.equal('4');
  });

  it('refuses wrong arguments', () => {
    thrown(() => new PrefetchIterator([1], 0), InvalidArgumentError);
    thrown(() => new PrefetchIterator([], 1), InvalidArgumentError);
    thrown(() => new PrefetchIterator(null as never, 1), InvalidArgumentError);
    thrown(() => new PrefetchIterator([1], 1, { nPrefetch: 0 }), InvalidArgumentError);
    thrown(() => new PrefetchIterator([1], 1, { seed: 0.5 }), InvalidArgumentError);
    thrown(() => new PrefetchIterator([1], 1, { nWorkers: 2 }), InvalidArgumentError);
    thrown(() => new PrefetchIterator([1], 1, { worker, transform: (x) => x }), InvalidArgumentError);
  });

  it('refuses a number of threads that is none', async () => {
    const iterator = new PrefetchIterator([1], 1, { worker, nWorkers: 0 });
    const { cause } = await rejection(iterator.next(), ExampleError);
    expect(cause).to.be.instanceOf(InvalidArgumentError);
  });
});
