/** Filters, windows and matrices far larger than a block of the kernels, for large-windows.test.ts and its program. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import * as names from '../../../packages/kernels/src/attrs.ts';
import {
  averagePooling,
  maxPooling,
  outputOf,
  type PoolCase,
  outputShape as pooledShape,
  outputSize as pooledSize,
} from './pooling-reference.ts';
import { startRedZones } from './red-zones.ts';
import {
  type Case,
  convolution,
  filterGradient,
  floats,
  generator,
  inputGradient,
  integer,
  matrixProduct,
  outputShape,
  pick,
  type Random,
  run,
  size,
  worst,
} from './support.ts';

/** Filters of more than 65,536 taps among smaller ones, square and thin. */
const sizes = [
  [300, 300],
  [257, 256],
  [1, 70001],
  [66000, 1],
  [90, 47],
  [1, 9000],
  [31, 33],
] as const;

/**
 * A convolution with a large filter, few inputs and few outputs: most taps fall on the padding, or else a gradient would take
 * as many products as the filter has taps, squared.
 */
function drawConvolution(random: Random, [kh, kw]: readonly [number, number], depthwise: boolean): Case {
  const groups = depthwise ? integer(random, 2, 6) : pick(random, [1, 1, 2]);
  const perGroup = depthwise ? 1 : integer(random, 1, 2);
  const outPerGroup = depthwise ? 1 : integer(random, 1, 2);
  const dilation: [number, number] = [pick(random, [1, 2]), pick(random, [1, 2])];
  const along = (k: number, dil: number) => {
    const extent = dil * (k - 1) + 1;
    const size = integer(random, 1, 5);
    const padding = Math.max(0, extent - size + integer(random, 0, 2));
    const before = integer(random, 0, padding);
    return { size: Math.max(size, extent - padding), pads: [before, padding - before] as const };
  };
  const [y, x] = [along(kh, dilation[0]), along(kw, dilation[1])];
  return {
    xShape: [integer(random, 1, 2), y.size, x.size, perGroup * groups],
    filterShape: [outPerGroup * groups, perGroup, kh, kw],
    attrs: {
      ...{ stride: [integer(random, 1, 2), integer(random, 1, 2)], pad: [...y.pads, ...x.pads] },
      ...{ dilation, groups, activation: 'linear' },
    },
  };
}

const tensor = (values: Float32Array, shape: readonly number[]) => tf.tensor(values, [...shape], 'float32');

/** Forward and both gradients against sums in float64. */
function checkConvolution(c: Case, random: Random): void {
  const [x, w, dy] = [c.xShape, c.filterShape, outputShape(c)].map((shape) => floats(random, size(shape)));
  tf.tidy(() => {
    const xs = tensor(x!, c.xShape);
    const filter = tensor(w!, c.filterShape);
    const dys = tensor(dy!, outputShape(c));
    const where = JSON.stringify(c);
    const expected = [convolution(c, x!, w!, null), inputGradient(c, w!, dy!), filterGradient(c, x!, dy!)];
    // With a filter that is new, and with one that is prepared.
    for (let i = 0; i < 2; i++) {
      const got = [
        run(names.CONV_2D, { x: xs, filter }, c.attrs),
        run(names.CONV_2D_BACKPROP_INPUT, { dy: dys, filter }, { ...c.attrs, inputShape: c.xShape }),
        run(names.CONV_2D_BACKPROP_FILTER, { x: xs, dy: dys }, { ...c.attrs, filterShape: c.filterShape }),
      ];
      for (const [at, t] of got.entries())
        expect(worst(t.dataSync(), expected[at]!), where).to.be.below(1e-4);
    }
  });
}

function checkPooling([kh, kw]: readonly [number, number], random: Random): void {
  const pad = [0, 1, 2, 3].map(() => integer(random, 0, 1)) as [number, number, number, number];
  const attrs: names.Pool2DAttrs = { ksize: [kh, kw], stride: [integer(random, 1, 2), kw], pad };
  const shape: PoolCase['shape'] = [1, kh + integer(random, 0, 1), kw + integer(random, 0, 1), 3];
  const c: PoolCase = { shape, attrs, out: outputOf(shape, attrs) };
  const x = floats(random, size(shape));
  const dy = floats(random, pooledSize(c));
  tf.tidy(() => {
    const where = JSON.stringify(c);
    const xs = tensor(x, shape);
    const dys = tensor(dy, pooledShape(c));
    const max = maxPooling(c, x, dy);
    const y = run(names.MAX_POOL_2D, { x: xs }, attrs);
    expect(worst(y.dataSync(), max.y), where).to.equal(0);
    const dx = run(names.MAX_POOL_2D_GRAD, { dy: dys, x: xs, y }, attrs);
    expect(worst(dx.dataSync(), max.dx), where).to.be.below(1e-6);
    const average = averagePooling(c, x, dy);
    // An average of many values of both signs is near 0: what counts is its error beside the values.
    const z = run(names.AVG_POOL_2D, { x: xs }, attrs).dataSync();
    for (const [i, v] of average.y.entries()) expect(Math.abs(z[i]! - v), where).to.be.below(1e-5);
    const back = run(names.AVG_POOL_2D_GRAD, { dy: dys }, { ...attrs, inputShape: shape });
    expect(worst(back.dataSync(), average.dx), where).to.be.below(1e-5);
  });
}

function checkProduct([m, n, k]: readonly [number, number, number], random: Random): void {
  const [ta, tb] = [random() < 0.5, random() < 0.5];
  const a = floats(random, m * k);
  const b = floats(random, k * n);
  tf.tidy(() => {
    const got = tf
      .matMul(tensor(a, ta ? [k, m] : [m, k]), tensor(b, tb ? [n, k] : [k, n]), ta, tb)
      .dataSync();
    const expected = matrixProduct(a, b, m, n, k, ta, tb);
    expect(worst(got, expected), `${m} ${n} ${k} ${ta} ${tb}`).to.be.below(1e-4);
  });
}

/** Tensors of many sizes that must not change, and what they hold. */
function bystanders(random: Random): { check(where: string): void; dispose(): void } {
  const tensors = Array.from({ length: 60 }, (_, i) => {
    const values = floats(random, 1000 * (1 + (i % 30)));
    return { values, tensor: tf.tensor1d(values) };
  });
  return {
    check(where) {
      for (const { values, tensor } of tensors) {
        const same = Buffer.from(tensor.dataSync().buffer).equals(Buffer.from(values.buffer));
        if (!same)
          throw new Error(`${where} changed a tensor of ${values.length} values that it was not given`);
      }
    },
    dispose: () => tf.dispose(tensors.map(({ tensor }) => tensor)),
  };
}

/** What is checked, by name: each is right, and writes to nothing but its own results. */
export function checks(seed: number): ReadonlyMap<string, () => void> {
  const all = new Map<string, () => void>();
  const add = (name: string, check: (random: Random) => void) => {
    const random = generator(seed + all.size);
    all.set(name, () => {
      const tensors = tf.memory().numTensors;
      const others = bystanders(random);
      const zones = startRedZones();
      try {
        check(random);
        zones.check(name);
      } finally {
        zones.end();
      }
      others.check(name);
      others.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  };
  for (const ksize of sizes)
    for (const depthwise of [false, true])
      add(`${depthwise ? 'depthwise ' : ''}filters of ${ksize.join('x')}`, (random) => {
        for (let i = 0; i < 3; i++) checkConvolution(drawConvolution(random, ksize, depthwise), random);
      });
  for (const ksize of sizes)
    add(`pooling windows of ${ksize.join('x')}`, (random) => checkPooling(ksize, random));
  for (const shape of [
    [3, 5, 70001],
    [70001, 3, 9],
    [9, 70001, 3],
    [2, 66001, 5],
    [5, 1, 66001],
  ] as const)
    add(`matrix products of ${shape.join(', ')}`, (random) => {
      for (let i = 0; i < 4; i++) checkProduct(shape, random);
    });
  return all;
}
