/** Cases of inputs and outputs that the real Chainer computed: how they are read, run and compared. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type GoldenArray, readJson, readNpz } from '../../support/goldens.ts';
import type { Attrs, Host, Inputs, Run } from './golden-table.ts';

export interface Case {
  readonly inputs: Record<string, [shape: number[], dtype: string]>;
  readonly outputs: [shape: number[], dtype: string][];
  readonly grads: string[];
  readonly attrs: Attrs;
}

/** A file of goldens with the table that computes its cases, by case or by group (what is before the slash). */
export class Goldens {
  readonly cases: Record<string, unknown>;
  readonly #arrays: Map<string, GoldenArray>;

  constructor(
    file: string,
    readonly table: Readonly<Record<string, Run>>,
  ) {
    this.cases = readJson(`goldens/${file}.json`);
    this.#arrays = readNpz(`goldens/${file}.npz`);
  }

  runOf(name: string): Run | undefined {
    return this.table[name] ?? this.table[name.split('/')[0]!];
  }

  /** Rows of the table that no case uses. */
  unused(names: readonly string[]): string[] {
    const used = new Set(names.map((name) => (name in this.table ? name : name.split('/')[0])));
    return Object.keys(this.table).filter((name) => !used.has(name));
  }

  has(name: string): boolean {
    return this.#arrays.has(name);
  }

  /** What follows a beginning of the names of arrays. */
  keys(start: string): string[] {
    return [...this.#arrays.keys()].flatMap((key) =>
      key.startsWith(start) ? [key.slice(start.length)] : [],
    );
  }

  array(name: string): GoldenArray {
    const found = this.#arrays.get(name);
    if (found === undefined) throw new Error(`there is no golden '${name}'`);
    return found;
  }

  tensor(name: string): tf.Tensor {
    const { shape, dtype, data } = this.array(name);
    if (dtype === '|b1') return tf.tensor(data as Uint8Array, shape, 'bool');
    if (dtype.includes('i')) return tf.tensor(data as Int32Array, shape, 'int32');
    return tf.tensor(data instanceof Float64Array ? new Float32Array(data) : (data as Float32Array), shape);
  }

  /** What was not an input in Chainer, but decides the result: masks and drawn numbers, with their shapes. */
  given(name: string): [key: string, shape: number[]][] {
    return [...this.#arrays].flatMap(([key, { shape }]): [string, number[]][] => {
      const rest = key.startsWith(`${name}/`) ? key.slice(name.length + 1) : '';
      return /^(mask|draw\/\d+)$/.test(rest) ? [[rest, shape]] : [];
    });
  }

  inputs(name: string): Inputs {
    const { inputs } = this.cases[name] as Case;
    const found: Inputs = {};
    for (const key of Object.keys(inputs)) found[key] = this.tensor(`${name}/in/${key}`);
    for (const [key] of this.given(name)) found[key] = this.tensor(`${name}/${key}`);
    return found;
  }

  host(name: string): Host {
    return (key) => this.array(`${name}/in/${key}`).data;
  }

  async expectEqual(actual: tf.Tensor, name: string, loose = 0): Promise<void> {
    const expected = this.array(name);
    expect(actual.shape, `${name} shape`).to.deep.equal(expected.shape);
    const values = await actual.data();
    const finite = [...expected.data].filter(Number.isFinite).map(Math.abs);
    const atol = Math.max(1e-5 * Math.max(1, ...finite), loose);
    for (const [i, e] of expected.data.entries()) {
      const a = values[i]!;
      if (Object.is(a, e)) continue;
      const error = Math.abs(a - e);
      // Written so that NaN fails.
      if (!(error <= atol + 1e-4 * Math.abs(e))) expect.fail(`${name}[${i}]: expected ${e}, got ${a}`);
    }
  }

  /** Compares outputs and gradients with the golden ones, and counts tensors. Inside a scope. */
  async check(name: string, loose = 0): Promise<void> {
    const { outputs, grads, attrs } = this.cases[name] as Case;
    const run = this.runOf(name)!;
    const before = tf.memory().numTensors;
    const inputs = this.inputs(name);
    const made = tf.tidy(() => [run(inputs, attrs, this.host(name))].flat());
    expect(made).to.have.length(outputs.length);
    for (const [i, out] of made.entries()) await this.expectEqual(out, `${name}/out/${i}`, loose);
    if (grads.length === 0) return;

    const upstream = outputs.map((_, i) => this.tensor(`${name}/gout/${i}`));
    const loss = (...xs: tf.Tensor[]) => {
      const given = Object.fromEntries(grads.map((key, i) => [key, xs[i]!]));
      // As lists: webgpu chooses between no more than four axes.
      const outs = [run({ ...inputs, ...given }, attrs, this.host(name))]
        .flat()
        .map((out) => tf.reshape(out, [-1]));
      // Where minus infinity stands for nothing, there is nothing to multiply.
      const finite = outs.map((out) => tf.where(tf.isFinite(out), out, tf.zerosLike(out)));
      return tf.addN(
        finite.map((out, i) => tf.sum(tf.mul(out, tf.reshape(upstream[i]!, [-1])))),
      ) as tf.Scalar;
    };
    const found = tf.grads(loss)(grads.map((key) => inputs[key]!));
    for (const [i, key] of grads.entries()) await this.expectEqual(found[i]!, `${name}/gin/${key}`, loose);
    expect(tf.memory().numTensors - before, 'tensors').to.equal(
      Object.keys(inputs).length + made.length + upstream.length + grads.length,
    );
  }
}
