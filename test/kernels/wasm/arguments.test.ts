import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { WasmArgumentError } from '../../../packages/kernels/src/wasm/index.ts';
import { type Runtime, runtimeOf } from '../../../packages/kernels/src/wasm/runtime.ts';
import { startRedZones } from './red-zones.ts';
import { useFastWasm } from './support.ts';

describe('wasm: arguments of jobs', () => {
  let rt: Runtime;
  let x: tf.Tensor;
  let y: tf.Tensor;
  /** Arguments of `sumRows` that are right: sums of the columns of x into y. */
  let good: { x: number; out: number; rows: number; columns: number; rowsPerItem: number };

  before(async () => {
    await useFastWasm();
    rt = runtimeOf(tf.backend());
  });

  beforeEach(() => {
    x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    y = tf.zeros([2]);
    good = { x: rt.heap.pointer(x), out: rt.heap.pointer(y), rows: 3, columns: 2, rowsPerItem: 3 };
  });

  afterEach(() => {
    // Whatever was refused, the next job is right.
    rt.run('sumRows', 1, good);
    expect([...y.dataSync()]).to.deep.equal([9, 12]);
    tf.dispose([x, y]);
  });

  /** Expects that `call` is refused for a field of a job. */
  function refused(call: () => void, job: string, field: string): void {
    let thrown: unknown;
    try {
      call();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).to.be.instanceOf(WasmArgumentError);
    const { message, ...fields } = thrown as WasmArgumentError;
    expect(fields).to.include({ job, field });
    expect(message).to.include(`'${job}'`).and.include(`'${field}'`);
  }

  // That each of these is a type error as well is checked by `npm run types`.
  it('a field that is missing, unknown or misspelt', () => {
    const { rows, ...missing } = good;
    expect(rows).to.equal(3);
    // @ts-expect-error: `rows` is missing
    refused(() => rt.run('sumRows', 1, missing), 'sumRows', 'rows');
    // @ts-expect-error: `row` is misspelt
    refused(() => rt.run('sumRows', 1, { ...missing, row: 3 }), 'sumRows', 'rows');
    // @ts-expect-error: `kind` is unknown, though it comes from a spread object
    refused(() => rt.run('sumRows', 1, { ...good, kind: 1 }), 'sumRows', 'kind');
    // @ts-expect-error: there is no such job
    expect(() => rt.run('sumColumns', 1, good)).to.throw();
  });

  it('a field of another kind', () => {
    // @ts-expect-error: not a number
    refused(() => rt.run('sumRows', 1, { ...good, rows: '3' }), 'sumRows', 'rows');
    for (const rows of [2.5, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY])
      refused(() => rt.run('sumRows', 1, { ...good, rows }), 'sumRows', 'rows');
    for (const out of [-4, 0.5, 2 ** 32, rt.heap.memory.buffer.byteLength + 4])
      refused(() => rt.run('sumRows', 1, { ...good, out }), 'sumRows', 'out');
    const product = { ...{ a: 0, b: 0, bias: 0, c: 0, m: 0, n: 0, k: 0, act: 0, aBatch: 0, bBatch: 0 } };
    const items = { cBatch: 0, mPerItem: 1, mItems: 1, panelsPerItem: 1, panelItems: 1 };
    const both = { ...product, ...items, transposeB: false };
    // @ts-expect-error: 1 is not true
    refused(() => rt.run('matMul', 1, { ...both, transposeA: 1 }), 'matMul', 'transposeA');
  });

  it('a list, and a class within a class', () => {
    const pack = { ...{ w: 0, b: 0, n: 0, k: 0, strideN: 0, strideK: 0, panelsPerItem: 1 } };
    refused(() => rt.run('packFilter', 1, { ...pack, taps: [0, 1.5] }), 'packFilter', 'taps[1]');
    // @ts-expect-error: an address where a list belongs
    refused(() => rt.run('packFilter', 1, { ...pack, taps: 0 }), 'packFilter', 'taps');
    const shared = {
      ...{ x: 0, h: 0, w: 0, c: 1, xPixel: 1, oh: 0, ow: 0, o: 0, outPixel: 1 },
      ...{ padTop: 0, padLeft: 0, dilY: 1, dilX: 1 },
      ...{ phasesY: 1, phasesX: 1, tilesY: 1, tilesX: 1, tiles: 0 },
      ...{ u: 0, uPos: 0, bias: 0, scale: 0, out: 0, act: 0, tilesPerItem: 1, v: 0, panelsPerItem: 1 },
    };
    const filter = { w: 0, n: 0, k: 0, strideN: 0, strideK: 0 };
    refused(
      // @ts-expect-error: the class within lacks `strideTap`
      () => rt.run('winogradOutput', 1, { ...shared, filter }),
      'winogradOutput',
      'strideTap',
    );
    // @ts-expect-error: only a field that may be missing can be null
    refused(() => rt.run('packFilter', 1, { ...pack, taps: null }), 'packFilter', 'taps');
  });

  it('lists of any length stay within their own block', () => {
    const [from, to] = [tf.tensor1d([7]), tf.zeros([8])];
    const zones = startRedZones();
    const pack = { w: rt.heap.pointer(from), b: rt.heap.pointer(to), strideN: 0, strideK: 0 };
    try {
      for (const length of [1, 1000, 5000, 100_000, 1_000_000, 3]) {
        // One panel of no in-channels: the job writes nothing, whatever its taps are.
        const taps = new Array<number>(length).fill(0);
        rt.run('packFilter', 1, { ...pack, n: 1, k: 0, taps, panelsPerItem: 1 });
        zones.check(`${length} taps`);
      }
    } finally {
      zones.end();
      tf.dispose([from, to]);
    }
  });
});
