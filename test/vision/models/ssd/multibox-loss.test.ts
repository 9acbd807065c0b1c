import { InvalidArgumentError, ShapeMismatchError } from '@chaingrad/core';
import { multiboxLoss } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose, useTestBackend } from '../../../support/backends.ts';
import { generate } from '../../../support/goldens.ts';
import { expectHigherGradients } from '../../../support/gradient-case.ts';
import { goldens } from '../../support.ts';

interface Case {
  k: number;
  B: number;
  K: number;
  n_class: number;
  loc_loss: number;
  conf_loss: number;
  keys: { loc: string; conf: string; gtloc: string };
  scales: { loc: number; conf: number; gtloc: number };
}
const boxes = goldens<{ cases: Record<string, Case> }>('boxes');

type Inputs = [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor2D];

function inputsOf(name: string): Inputs {
  const { B, K, n_class, keys, scales } = boxes.json().cases[name]!;
  const values = (array: string, key: 'loc' | 'conf' | 'gtloc', size: number) =>
    boxes.has(`${name}/${array}`)
      ? boxes.f32(`${name}/${array}`)
      : generate({ key: keys[key], scale: scales[key], offset: 0 }, size);
  const labels = boxes.has(`${name}/gt_mb_labels`) ? `${name}/gt_mb_labels` : `${name}/gt_label`;
  return [
    tf.tensor3d(values('mb_locs', 'loc', B * K * 4), [B, K, 4]),
    tf.tensor3d(values('mb_confs', 'conf', B * K * n_class), [B, K, n_class]),
    tf.tensor3d(values('gt_mb_locs', 'gtloc', B * K * 4), [B, K, 4]),
    tf.tensor2d(boxes.i32(labels), [B, K], 'int32'),
  ];
}

/** Values and gradients of the sum of both losses; nothing is left behind but what is returned. */
async function evaluate(
  [locs, confs, gtLocs, gtLabels]: Inputs,
  k: number,
  minNegatives = 0,
  classWeights: readonly number[] | null = null,
) {
  let values: tf.Tensor | undefined;
  const { value, grads } = tf.valueAndGrads((l: tf.Tensor, c: tf.Tensor) => {
    const losses = multiboxLoss(
      l as tf.Tensor3D,
      c as tf.Tensor3D,
      gtLocs,
      gtLabels,
      k,
      minNegatives,
      classWeights,
    );
    values = tf.keep(tf.stack(losses));
    return tf.add(losses[0], losses[1]);
  })([locs, confs]);
  const tensors = [value, values!, ...grads];
  const [, losses, gradLoc, gradConf] = (await Promise.all(tensors.map((t) => t.data()))) as Float32Array[];
  tf.dispose(tensors);
  return { loc: losses![0]!, conf: losses![1]!, gradLoc: gradLoc!, gradConf: gradConf! };
}

/** The rows of a sparse gradient in full. */
function scatterRows(rows: Int32Array, values: Float32Array, width: number, size: number): Float32Array {
  const out = new Float32Array(size);
  rows.forEach((r, i) => {
    out.set(values.subarray(i * width, (i + 1) * width), r * width);
  });
  return out;
}

describeBackends('vision/models/ssd/multiboxLoss', (backend) => {
  it('has right gradients of gradients', async () => {
    await useTestBackend('cpu');
    const gtLocs = tf.tensor3d(generate({ key: 'gt', scale: 2, offset: 0 }, 24), [1, 6, 4]);
    const labels = tf.tensor2d([0, 2, 0, 1, 0, 0], [1, 6], 'int32');
    await useTestBackend(backend);
    await expectHigherGradients(
      {
        of: (locs, confs) =>
          tf.stack(multiboxLoss(locs as tf.Tensor3D, confs as tf.Tensor3D, gtLocs, labels, 1)),
        inputs: [{ shape: [1, 6, 4] }, { shape: [1, 6, 3], scale: 1 / 4 }],
      },
      backend,
    );
    tf.dispose([gtLocs, labels]);
  });

  for (const name of ['plain', 'k1', 'khuge', 'khalf', 'nopos', 'allpos', 'onesample', 'big']) {
    it(`equals ChainerCV in value and gradients, ${name}`, async () => {
      const key = `loss/${name}`;
      const { k, loc_loss, conf_loss, B, K, n_class } = boxes.json().cases[key]!;
      const inputs = inputsOf(key);
      const before = tf.memory().numTensors;
      const got = await evaluate(inputs, k);
      expect(tf.memory().numTensors, 'tensors left behind').to.equal(before);
      tf.dispose(inputs);
      expect(got.loc).to.be.closeTo(loc_loss, 1e-5 * Math.max(1, loc_loss));
      expect(got.conf).to.be.closeTo(conf_loss, 1e-5 * Math.max(1, conf_loss));

      if (name === 'nopos') {
        expectClose(got.gradLoc, new Float32Array(B * K * 4), 0);
        expectClose(got.gradConf, new Float32Array(B * K * n_class), 0);
      } else if (name === 'big') {
        const wantLoc = scatterRows(
          boxes.i32(`${key}/grad_loc_nonzero_rows`),
          boxes.f32(`${key}/grad_loc_rows_val`),
          4,
          B * K * 4,
        );
        const wantConf = scatterRows(
          boxes.i32(`${key}/grad_conf_nonzero_rows`),
          boxes.f32(`${key}/grad_conf_rows_val`),
          n_class,
          B * K * n_class,
        );
        expectClose(got.gradLoc, wantLoc, 2e-6);
        expectClose(got.gradConf, wantConf, 2e-6);
      } else {
        expectClose(got.gradLoc, boxes.f32(`${key}/grad_loc`), 1e-6);
        expectClose(got.gradConf, boxes.f32(`${key}/grad_conf`), 1e-6);
      }
    });
  }

  it('takes the first of negatives with equal losses', async () => {
    // All outputs are equal, so every negative has the loss log(2); 2 of them count.
    const inputs: Inputs = [
      tf.zeros([1, 9, 4]),
      tf.zeros([1, 9, 2]),
      tf.zeros([1, 9, 4]),
      tf.tensor2d([0, 0, 1, 0, 0, 0, 0, 0, 0], [1, 9], 'int32'),
    ];
    const { conf, gradConf } = await evaluate(inputs, 2);
    tf.dispose(inputs);
    expect(conf).to.be.closeTo(3 * Math.log(2), 1e-6);
    const counted = Array.from({ length: 9 }, (_, i) => gradConf[2 * i] !== 0);
    expect(counted).to.deep.equal([true, true, true, false, false, false, false, false, false]);
  });

  it('takes at least minNegatives of each image', async () => {
    const logits = [0, 1, 0, 3, 0, 2, 0, 0];
    const rows = (labels: number[][]): Inputs => [
      tf.zeros([labels.length, 4, 4]),
      tf.tensor3d(
        labels.flatMap(() => logits),
        [labels.length, 4, 2],
      ),
      tf.zeros([labels.length, 4, 4]),
      tf.tensor2d(labels.flat(), [labels.length, 4], 'int32'),
    ];
    const none = [0, 0, 0, 0];
    const one = [0, 0, 0, 1];
    // Of the image without objects the two hardest count, of the other the one of its only positive.
    const cases: [labels: number[][], minNegatives: number, counted: number[], divisor: number][] = [
      [[none, one], 2, [1, 2, 5, 6, 7], 1],
      [[none, one], 0, [5, 7], 1],
      [[none, none], 2, [1, 2, 5, 6], 4],
      [[none, none], 9, [0, 1, 2, 3, 4, 5, 6, 7], 8],
    ];
    for (const [labels, minNegatives, counted, divisor] of cases) {
      const inputs = rows(labels);
      const { conf, gradConf } = await evaluate(inputs, 1, minNegatives);
      tf.dispose(inputs);
      const loss = (i: number) => {
        const z = logits[2 * (i % 4) + 1]!;
        return Math.log(1 + Math.exp(labels.flat()[i] === 1 ? -z : z));
      };
      expect(conf).to.be.closeTo(counted.reduce((sum, i) => sum + loss(i), 0) / divisor, 1e-5);
      const taught = labels.flat().flatMap((_, i) => (gradConf[2 * i] === 0 ? [] : [i]));
      expect(taught).to.deep.equal(counted);
    }
    const inputs = rows([none]);
    expect(() => multiboxLoss(...inputs, 3, -1)).to.throw(InvalidArgumentError, 'minNegatives of 0 or more');
    tf.dispose(inputs);
  });

  it('counts a positive box by the weight of its class, in the losses and in their gradients', async () => {
    const values = (key: string, size: number) => generate({ key, scale: 2, offset: 0 }, size);
    const [locs, confs, gtLocs] = [values('wl', 24), values('wc', 18), values('wg', 24)];
    const inputsWith = (labels: readonly number[]): Inputs => [
      tf.tensor3d(locs, [1, 6, 4]),
      tf.tensor3d(confs, [1, 6, 3]),
      tf.tensor3d(gtLocs, [1, 6, 4]),
      tf.tensor2d(Int32Array.from(labels), [1, 6], 'int32'),
    ];
    const labels = [0, 1, 2, 0, 0, 2];
    const inputs = inputsWith(labels);
    const [plain, twice] = [await evaluate(inputs, 3), await evaluate(inputs, 3, 0, [0.5, 2])];
    const factor = [1, 0.5, 2];
    const rows = (array: Float32Array, width: number) =>
      array.map((value, i) => value * factor[labels[Math.floor(i / width)]!]!);
    expectClose(twice.gradLoc, rows(plain.gradLoc, 4), 1e-6);
    expectClose(twice.gradConf, rows(plain.gradConf, 3), 1e-6);
    // The loss is what its gradient sums up: of the first box alone, and of the second class alone.
    const zeroed = await evaluate(inputs, 3, 0, [0, 1]);
    const others = await evaluate(inputs, 3, 0, [1, 0]);
    const background = await evaluate(inputs, 3, 0, [0, 0]);
    expect(plain.loc).to.be.closeTo(zeroed.loc + others.loc, 1e-5);
    expect(twice.loc).to.be.closeTo(0.5 * others.loc + 2 * zeroed.loc, 1e-5);
    expect(plain.conf).to.be.closeTo(zeroed.conf + others.conf - background.conf, 1e-5);
    expect(background.loc).to.equal(0);
    expect(background.conf).to.be.above(0);
    for (const wrong of [[1], [1, -1], [1, Number.NaN], [1, 1, 1]])
      expect(() => multiboxLoss(...inputs, 3, 0, wrong)).to.throw(
        InvalidArgumentError,
        'a number of 0 or more for each of the 2 foreground classes',
      );
    tf.dispose(inputs);
  });

  it('does not look at the offsets of background rows', async () => {
    const infinite = Number.POSITIVE_INFINITY;
    const inputs: Inputs = [
      tf.ones([1, 2, 4]),
      tf.zeros([1, 2, 3]),
      tf.tensor3d([infinite, Number.NaN, -infinite, infinite, 1, 1.5, 3, 1], [1, 2, 4]),
      tf.tensor2d([0, 2], [1, 2], 'int32'),
    ];
    const { loc, gradLoc } = await evaluate(inputs, 3);
    tf.dispose(inputs);
    expect(loc).to.be.closeTo(0.125 + 1.5, 1e-6);
    expectClose(gradLoc, [0, 0, 0, 0, 0, -0.5, -1, 0], 1e-6);
  });

  it('stays finite for large outputs', async () => {
    const inputs: Inputs = [
      tf.zeros([1, 2, 4]),
      tf.tensor3d([500, 0, 0, -500, 0, 500], [1, 2, 3]),
      tf.zeros([1, 2, 4]),
      tf.tensor2d([0, 1], [1, 2], 'int32'),
    ];
    const { conf, gradConf } = await evaluate(inputs, 3);
    tf.dispose(inputs);
    expect(conf).to.be.closeTo(500, 1e-3);
    expectClose(gradConf, [0, 0, 0, 0, -1, 1], 1e-6);
  });

  it('refuses shapes that do not fit', () => {
    tf.tidy(() => {
      const inputs: Inputs = [
        tf.zeros([2, 5, 4]),
        tf.zeros([2, 5, 3]),
        tf.zeros([2, 5, 4]),
        tf.zeros([2, 5], 'int32'),
      ];
      expect(() => multiboxLoss(tf.zeros([2, 5, 3]), inputs[1], inputs[2], inputs[3])).to.throw(
        ShapeMismatchError,
        'mbLocs',
      );
      expect(() => multiboxLoss(inputs[0], inputs[1], tf.zeros([2, 4, 4]), inputs[3])).to.throw(
        ShapeMismatchError,
        'gtMbLocs',
      );
      expect(() => multiboxLoss(inputs[0], inputs[1], inputs[2], tf.zeros([5, 2], 'int32'))).to.throw(
        ShapeMismatchError,
        'gtMbLabels',
      );
      expect(() => multiboxLoss(...inputs, -1)).to.throw(InvalidArgumentError, 'k of 0 or more');
    });
  });
});
