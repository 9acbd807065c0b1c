/**
 * What holds of every link class of core: a forward and a backward pass leave nothing behind, a file brings back what it computes, and
 * wrong inputs are told by an error of ours.
 */
import {
  backward,
  ChaingradError,
  DisposedTensorError,
  type InputSpec,
  type Link,
  setSeed,
} from '@chaingrad/core';
import { load, serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../../support/backends.ts';
import { thrown } from '../../support/errors.ts';
import { unit } from '../../support/goldens.ts';
import { linkTable } from './link-table.ts';

/** Containers, which compute nothing by themselves. */
const containers = new Set(['Link', 'Chain', 'ChainList', 'ChainDict']);

const float = (...shape: number[]) =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => unit(`x${shape}`, i)),
    shape,
  );

/** The arguments of links that take others than tensors. */
const sequences: Readonly<Record<string, () => unknown[]>> = {
  NStepBiGRU: () => [null, [float(3, 3), float(1, 3)]],
  NStepBiLSTM: () => [null, null, [float(3, 3), float(1, 3)]],
  NStepGRU: () => [null, [float(3, 3), float(1, 3)]],
  NStepLSTM: () => [null, null, [float(3, 3), float(1, 3)]],
  NStepRNNTanh: () => [null, [float(3, 3), float(1, 3)]],
};

const tensorOf = (input: InputSpec): tf.Tensor =>
  'dtype' in input ? tf.zeros([...input.shape], input.dtype) : float(...(input as readonly number[]));

type AnyLink = Link & { call(...args: unknown[]): tf.TensorContainer };

const tensorsIn = (container: unknown) =>
  tf.tensor_util.getTensorsInContainer(container as tf.TensorContainer);

interface Case {
  readonly name: string;
  readonly make: () => AnyLink;
  /** What forward takes. */
  readonly args: () => unknown[];
}

const cases: Case[] = Object.entries(linkTable)
  .filter(([name]) => !containers.has(name))
  .map(([name, [make, inputs]]) => ({
    name,
    make: make as () => AnyLink,
    args: sequences[name] ?? (() => inputs!.map(tensorOf)),
  }));

describeBackends('every link of core', () => {
  for (const { name, make, args } of cases) {
    it(`${name} leaves nothing behind, and comes back from a file`, async () => {
      const before = tf.memory().numTensors;
      setSeed(0);
      const link = make();
      const given = args();
      // Lazy parameters are drawn in the first pass; they stay.
      tf.dispose(link.evaluating(() => link.call(...given)));
      const made = tf.memory().numTensors;
      const outputs = tensorsIn(link.call(...given));
      expect(tf.memory().numTensors - made, 'outputs alone').to.equal(outputs.length);
      tf.dispose(outputs);
      if ([...link.params()].some((param) => !param.frozen)) {
        const loss = () =>
          tensorsIn(link.call(...given))
            .map((y) => tf.sum(tf.square(y)))
            .reduce((a, b) => tf.add(a, b));
        backward(loss, link).dispose();
        const grads = [...link.params()].filter(({ grad }) => grad !== null);
        expect(grads.length, 'gradients').to.be.above(0);
        expect(tf.memory().numTensors - made, 'gradients alone').to.equal(grads.length);
        link.cleargrads();
      }
      expect(tf.memory().numTensors).to.equal(made);

      const read = async (each: AnyLink) => {
        const ys = tensorsIn(each.evaluating(() => each.call(...given)));
        const values = await Promise.all(ys.map(async (y) => [y.shape, [...(await y.data())]]));
        tf.dispose(ys);
        return values;
      };
      const expected = await read(link);
      setSeed(1);
      const other = make();
      tf.dispose(other.evaluating(() => other.call(...given)));
      await load(other, new Blob([await serialize(link)]), { format: 'npz' });
      expect(await read(other)).to.deep.equal(expected);
      tf.dispose(tensorsIn(given));
      other.dispose();
      link.dispose();
      expect(tf.memory().numTensors, 'at the end').to.equal(before);
    });

    it(`${name} tells wrong inputs`, () => {
      const link = make();
      const given = args();
      const at = given.length - 1;
      const before = tf.memory().numTensors;
      /** What is told where something else is in place of the last argument. */
      const refused = (wrong: unknown) => {
        const error = thrown(
          () => link.call(...given.slice(0, at), Array.isArray(given[at]) ? [wrong] : wrong),
          Error,
        );
        const ours = error instanceof ChaingradError || error instanceof DisposedTensorError;
        return ours ? error.message : `${error.name} of another: ${error.message}`;
      };
      const gone = tf.zeros([2, 3]);
      gone.dispose();
      const wrong: Record<string, unknown> = {
        undefined,
        'an array': [[1, 2]],
        'a number': 3,
        'disposed one': gone,
      };
      for (const [what, value] of Object.entries(wrong)) {
        const message = refused(value);
        expect(message, what)
          .to.match(/: expected /)
          .and.not.match(/of another/);
      }
      expect(tf.memory().numTensors, 'tensors').to.equal(before);
      tf.dispose(tensorsIn(given));
      link.dispose();
    });
  }
}, ['cpu', 'wasm']);
