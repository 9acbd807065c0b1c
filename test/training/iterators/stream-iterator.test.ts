import { InvalidArgumentError } from '@chaingrad/core';
import { ExampleError, type ExampleSource, StreamIterator } from '@chaingrad/training';
import { expect } from 'chai';
import { rejection, thrown } from '../../support/errors.ts';
import { valuesOf } from '../../support/serializable.ts';
import { take } from '../support.ts';

/** Five examples an epoch, other ones each time. */
async function* fiveOf(epoch: number) {
  for (let i = 0; i < 5; i++) yield `${epoch}.${i}`;
}

describe('StreamIterator', () => {
  it('walks a source again for each epoch', async () => {
    const sources: ExampleSource<string>[] = [
      ['0', '1', '2', '3', '4'],
      new Set(['0', '1', '2', '3', '4']),
      {
        [Symbol.asyncIterator]: async function* () {
          yield* ['0', '1', '2', '3', '4'];
        },
      },
      () => ['0', '1', '2', '3', '4'],
    ];
    for (const source of sources) {
      const iterator = new StreamIterator(source, 2);
      expect((await take(iterator, 5)).flat().join('')).to.equal('0123401234');
      expect(iterator).to.include({ epoch: 2, isNewEpoch: true, epochDetail: 2 });
    }
  });

  it('knows how far it is where the length is told', async () => {
    const iterator = new StreamIterator(fiveOf, 3, { length: 5 });
    const seen = [];
    for (let i = 0; i < 4; i++) {
      const { value } = await iterator.next();
      seen.push([
        value!.join(' '),
        iterator.epoch,
        iterator.isNewEpoch,
        iterator.previousEpochDetail,
        iterator.epochDetail,
      ]);
    }
    expect(seen).to.deep.equal([
      ['0.0 0.1 0.2', 0, false, 0, 0.6],
      ['0.3 0.4 1.0', 1, true, 0.6, 1.2],
      ['1.1 1.2 1.3', 1, false, 1.2, 1.8],
      ['1.4 2.0 2.1', 2, true, 1.8, 2.4],
    ]);
  });

  it('learns the length at the first end, where it is not told', async () => {
    const iterator = new StreamIterator(fiveOf, 3);
    const details = [];
    for (let i = 0; i < 4; i++) {
      await iterator.next();
      details.push(iterator.epochDetail);
    }
    expect(details).to.deep.equal([0, 1.2, 1.8, 2.4]);
  });

  it('never reaches the next epoch early, where the length was too small', async () => {
    const iterator = new StreamIterator(fiveOf, 2, { length: 2 });
    await take(iterator, 2);
    expect(iterator.epoch).to.equal(0);
    expect(Math.floor(iterator.epochDetail)).to.equal(0);
  });

  it('ends without repeat, after a short batch, and can be reset', async () => {
    const iterator = new StreamIterator(fiveOf, 2, { repeat: false });
    for (let i = 0; i < 2; i++) {
      const batches = [];
      for await (const batch of iterator) batches.push(batch.length);
      expect(batches).to.deep.equal([2, 2, 1]);
      expect(iterator.epoch).to.equal(1);
      iterator.reset();
      expect(iterator).to.include({ epoch: 0, epochDetail: 0, previousEpochDetail: null, isNewEpoch: false });
    }
  });

  it('goes on exactly from the middle of an epoch', async () => {
    const whole = new StreamIterator(fiveOf, 3);
    await take(whole, 3);
    const saved = await valuesOf(whole);
    const resumed = new StreamIterator(fiveOf, 3);
    await resumed.next();
    for (const entry of resumed.serialEntries()) entry.write(saved[entry.key] as number);
    expect(await valuesOf(resumed)).to.deep.equal(saved);
    for (let i = 0; i < 5; i++) {
      expect(await resumed.next()).to.deep.equal(await whole.next());
      expect(await valuesOf(resumed)).to.deep.equal(await valuesOf(whole));
    }
  });

  it('tells which example failed, and tries the same batch again', async () => {
    let broken = true;
    const iterator = new StreamIterator(async function* (epoch) {
      for (let i = 0; i < 5; i++) {
        if (broken && i === 3) throw new RangeError('line 3');
        yield `${epoch}.${i}`;
      }
    }, 2);
    expect(await take(iterator, 1)).to.deep.equal([['0.0', '0.1']]);
    const error = await rejection(iterator.next(), ExampleError);
    expect(error).to.include({ index: 3, message: 'Example 3: line 3' });
    broken = false;
    expect(await take(iterator, 2)).to.deep.equal([
      ['0.2', '0.3'],
      ['0.4', '1.0'],
    ]);
  });

  it('closes the stream when it is finalized', async () => {
    let closed = 0;
    const source = async function* () {
      try {
        yield* [1, 2, 3];
      } finally {
        closed++;
      }
    };
    const iterator = new StreamIterator(source, 1);
    await iterator.next();
    await iterator.finalize();
    expect(closed).to.equal(1);
    await iterator.finalize();
    expect(closed).to.equal(1);
  });

  it('refuses an epoch without examples, a source that became shorter, and wrong arguments', async () => {
    await rejection(new StreamIterator([], 1).next(), InvalidArgumentError);
    const generator = fiveOf(0);
    const once = new StreamIterator(generator, 3);
    expect(await take(once, 1)).to.have.length(1);
    expect((await rejection(once.next(), InvalidArgumentError)).message).to.include('give a function');
    const shorter = new StreamIterator([1, 2], 1);
    for (const entry of shorter.serialEntries()) if (entry.key === 'current_position') entry.write(3);
    expect((await rejection(shorter.next(), InvalidArgumentError)).message).to.include('as before');
    thrown(() => new StreamIterator([1], 0), InvalidArgumentError);
    thrown(() => new StreamIterator([1], 1, { length: 0 }), InvalidArgumentError);
  });
});
