/** A small link against its golden: outputs, gradients of inputs and parameters, running statistics, no tensor left. */
import { backward, type Link, Parameter, usingConfig } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { channelsLast, generate } from '../../support/goldens.ts';
import { channelsFirst } from '../../support/models.ts';
import { type goldens, maxAbsDiff } from '../support.ts';

/** What a golden tells of a link. */
export interface Piece {
  params: [path: string, shape: number[], key: string, scale: number, offset: number][];
  persistents: [path: string, shape: number[], dtype: string][];
}

export interface PieceCase {
  readonly golden: ReturnType<typeof goldens<unknown>>;
  readonly name: string;
  readonly piece: Piece;
  readonly mode: 'test' | 'train';
  readonly make: () => Link;
  /** Names of the inputs in order. Default x. */
  readonly inputs?: readonly string[];
  /** Calls the link. Default with the inputs. */
  readonly call?: (link: Link, inputs: tf.Tensor[]) => unknown;
  /** Of outputs and running statistics. Default 1e-5. */
  readonly rtol?: number;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const filled = (shape: readonly number[], key: string, scale: number, offset: number) =>
  tf.tensor(generate({ key, scale, offset }, sizeOf(shape)), [...shape]);

/** Golden values as the library has them: (N, C, H, W) as (N, H, W, C). */
function fromGolden(data: Float32Array, shape: readonly number[]): tf.Tensor {
  if (shape.length !== 4) return tf.tensor(data, [...shape]);
  const [n, c, h, w] = shape;
  return tf.tensor4d(channelsLast(data, shape), [n!, h!, w!, c!]);
}

const toGolden = (data: Float32Array, shape: readonly number[]): Float32Array =>
  shape.length === 4 ? channelsFirst(data, shape) : data;

const toGoldenShape = ([n, h, w, c]: readonly number[]) => [n!, c!, h!, w!];

/** Expects what one link gives in one mode to equal what is recorded. */
export async function expectPiece({
  golden,
  name,
  piece: { params, persistents },
  mode,
  make,
  inputs = ['x'],
  call = (link, given) => link.call(...(given as never[])),
  rtol = 1e-5,
}: PieceCase): Promise<void> {
  /** Values, whole or sampled, within a part of the largest: what is recorded of gradients that are 0 is rounding. */
  const expectGolden = (got: ArrayLike<number>, key: string, tolerance: number) => {
    const isSampled = golden.has(`${key}/idx`);
    const want = golden.f32(isSampled ? `${key}/val` : key);
    const values = isSampled ? Array.from(golden.i32(`${key}/idx`), (at) => got[at]!) : got;
    const largest = Math.max(...want.map(Math.abs));
    const atol = tolerance * Math.max(largest, 0.1);
    expect(maxAbsDiff(values, want), `${key}: largest difference`).to.be.at.most(atol);
  };
  const before = tf.memory().numTensors;
  const link = make();
  expect([...link.namedparams()].map(([path, { shape }]) => [path, shape])).to.deep.equal(
    params.map(([path, shape]) => [path, shape]),
  );
  const named = new Map(link.namedparams());
  for (const [path, shape, key, scale, offset] of params) {
    const values = filled(shape, key, scale, offset);
    named.get(path)!.assign(values);
    values.dispose();
  }
  const statistics = new Map(link.namedpersistents());
  expect([...statistics.keys()]).to.deep.equal(persistents.map(([path]) => path));
  for (const [path, persistent] of statistics) {
    const key = `${name}/persistent${path}`;
    if (!golden.has(key)) continue;
    const values = tf.tensor(golden.f32(key), golden.array(key).shape);
    persistent.value = values;
    values.dispose();
  }
  const given = inputs.map((input) => {
    const { data, shape } = golden.array(`${name}/in/${input}`);
    const values = fromGolden(data as Float32Array, shape);
    const x = new Parameter(null, values.shape, input);
    x.assign(values);
    values.dispose();
    return x;
  });
  const outputs: tf.Tensor[] = [];
  const loss = usingConfig('train', mode === 'train', () =>
    backward(() => {
      const out = [call(link, given.map(({ tensor }) => tensor) as tf.Tensor[])].flat() as tf.Tensor[];
      const parts = out.map((y, i) => {
        outputs.push(tf.keep(tf.clone(y)));
        const shape = y.rank === 4 ? toGoldenShape(y.shape) : y.shape;
        const gy = generate({ key: `gy${i}`, scale: 1, offset: 0 }, sizeOf(shape));
        return tf.sum(tf.mul(y, fromGolden(gy, shape)));
      });
      return tf.addN(parts);
    }, [...link.params(), ...given]),
  );
  for (const [i, y] of outputs.entries())
    expectGolden(toGolden(await y.data<'float32'>(), y.shape), `${name}/${mode}/out/${i}`, rtol);
  for (const [i, { grad }] of given.entries()) {
    const values = toGolden(await grad!.data<'float32'>(), grad!.shape);
    expectGolden(values, `${name}/${mode}/gin/${inputs[i]}`, 1e-4);
  }
  for (const [path, { grad }] of named) {
    const key = `${name}/${mode}/gparam${path}`;
    if (golden.has(key) || golden.has(`${key}/idx`)) expectGolden(await grad!.data<'float32'>(), key, 1e-4);
  }
  for (const [path, { value }] of statistics) {
    if (mode === 'test' || !(value instanceof tf.Tensor)) continue;
    expectGolden(await value.data<'float32'>(), `${name}/train/after${path}`, rtol);
  }
  tf.dispose([loss, ...outputs]);
  for (const x of given) x.dispose();
  link.dispose();
  expect(tf.memory().numTensors, 'tensors').to.equal(before);
}
