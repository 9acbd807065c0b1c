/** Links against the real Chainer (functions_more.json): forward, gradients of inputs and of parameters, on every backend. */
import * as core from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../../support/backends.ts';
import { Goldens } from '../functions/golden-cases.ts';
import { first, last } from '../functions/golden-table.ts';

const goldens = new Goldens('functions_more', {});
const recorded = goldens.cases['links'] as Record<string, { params: [path: string, row: unknown][] }>;

type Inputs = Record<string, tf.Tensor>;

interface Row {
  readonly make: () => core.Link;
  /** Default: one input x. */
  readonly run?: (link: core.Link, inputs: Inputs) => tf.Tensor | tf.Tensor[];
}

const row = <L extends core.Link>(
  make: () => L,
  run?: (link: L, inputs: Inputs) => tf.Tensor | tf.Tensor[],
): Row => ({
  make,
  ...(run === undefined ? {} : { run: run as Row['run'] & object }),
});

/** A link over channels-last activations, on channels-first ones. */
const channels = <L extends core.Link & { forward(x: never): unknown }>(make: () => L): Row =>
  row(make, (link, { x }) => first(link.forward(last(x!) as never) as tf.Tensor));

const sequences = ({ s0, s1, s2 }: Inputs) => [s0!, s1!, s2!];
const nStepLSTM = (make: () => core.NStepLSTM) =>
  row(make, (link, inputs) => link.call(null, null, sequences(inputs)).flat());
const nStepGRU = (make: () => core.NStepGRU) =>
  row(make, (link, inputs) => link.call(null, sequences(inputs)).flat());

const rows: Record<string, Row> = {
  Bilinear: row(
    () => new core.Bilinear(2, 3, 4),
    (link, { e1, e2 }) => link.call(e1 as tf.Tensor2D, e2 as tf.Tensor2D),
  ),
  DepthwiseConvolution2D: channels(() => new core.DepthwiseConvolution2D(3, 2, 3, { pad: 1 })),
  EmbedID: row(() => new core.EmbedID(5, 3, { ignoreLabel: -1 })),
  GroupNormalization: channels(() => new core.GroupNormalization(2)),
  Highway: row(() => new core.Highway(4)),
  LayerNormalization: row(() => new core.LayerNormalization()),
  Maxout: row(() => new core.Maxout(4, 3, 2)),
  NStepBiGRU: nStepGRU(() => new core.NStepBiGRU(2, 4, 3)),
  NStepBiLSTM: nStepLSTM(() => new core.NStepBiLSTM(1, 4, 3)),
  NStepGRU: nStepGRU(() => new core.NStepGRU(1, 4, 3)),
  NStepLSTM: nStepLSTM(() => new core.NStepLSTM(2, 4, 3)),
  PReLU: channels(() => new core.PReLU([4])),
  Scale: row(() => new core.Scale([3], { axis: 1, biasTerm: true })),
  StatelessGRU: row(
    () => new core.StatelessGRU(4, 3),
    (link, { h, x }) => link.call(h!, x!),
  ),
  StatelessLSTM: row(
    () => new core.StatelessLSTM(null, 3),
    (link, { c, h, x }) => link.call(c!, h!, x!),
  ),
  Swish: row(() => new core.Swish()),
  // The state goes from call to call by hand.
  LSTM: row(
    () => new core.StatelessLSTM(4, 3),
    (link, { x0, x1, x2 }) => {
      let state: [tf.Tensor | null, tf.Tensor | null] = [null, null];
      return [x0, x1, x2].map((x) => {
        state = link.call(...state, x!);
        return state[1]!;
      });
    },
  ),
};

/** What is not here, and why. */
const leftOut: Record<string, string> = {
  BatchRenormalization: 'BatchNormalization in test mode computes the same',
  CRF1d: 'taggers are not what this library is for',
  DeformableConvolution2D:
    'no network that is trained in a browser has it; spatialTransformerSampler samples at learned places',
  Inception: 'five convolutions: a Chain of one line each',
  LocalConvolution2D: 'its weights grow with the map',
  MLPConvolution2D: 'a Sequential of convolutions and activations',
  StatefulGRU: 'state that a link keeps must be freed and reset by hand: StatelessGRU takes and gives it',
  StatefulMGU: 'no network here has it',
  StatefulPeepholeLSTM: 'no network here has it',
};

const plain = (link: core.Link, { x }: Inputs): tf.Tensor => (link as core.Linear).call(x!);

describe('links against Chainer', () => {
  it('has each of the 26 recorded ones, or a reason', () => {
    const names = Object.keys(recorded).map((name) => name.replace('link/', ''));
    expect(names).to.have.length(26);
    expect([...Object.keys(rows), ...Object.keys(leftOut)].sort()).to.deep.equal(names.sort());
  });
});

describeBackends('links against Chainer', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  for (const [name, { make, run = plain }] of Object.entries(rows)) {
    it(name, async () => {
      const at = `link/${name}`;
      const link = make();
      const keys = (part: string) => goldens.keys(`${at}/${part}/`);
      const inputs: Inputs = Object.fromEntries(
        keys('in').map((key) => [key, goldens.tensor(`${at}/in/${key}`)]),
      );
      tf.tidy(() => void run(link, inputs));
      const paths = [...link.namedparams()].map(([path]) => path);
      expect(paths).to.deep.equal(recorded[at]!.params.map(([path]) => path));
      for (const [path, param] of link.namedparams()) param.assign(goldens.tensor(`${at}/param${path}`));

      const before = tf.memory().numTensors;
      const outs = tf.tidy(() => [run(link, inputs)].flat());
      for (const [i, out] of outs.entries()) await goldens.expectEqual(out, `${at}/test/out/${i}`);
      const upstream = outs.map((_, i) => goldens.tensor(`${at}/test/gout/${i}`));
      const loss = (given: Inputs) =>
        tf.addN(
          [run(link, { ...inputs, ...given })].flat().map((out, i) => tf.sum(tf.mul(out, upstream[i]!))),
        ) as tf.Scalar;
      const wanted = keys('test/gin');
      if (wanted.length > 0) {
        const found = tf.grads((...xs: tf.Tensor[]) =>
          loss(Object.fromEntries(wanted.map((key, i) => [key, xs[i]!]))),
        )(wanted.map((key) => inputs[key]!));
        for (const [i, key] of wanted.entries())
          await goldens.expectEqual(found[i]!, `${at}/test/gin/${key}`);
        tf.dispose(found);
      }
      link.cleargrads();
      core.backward(() => loss({}), link).dispose();
      for (const [path, param] of link.namedparams())
        await goldens.expectEqual(param.grad!, `${at}/test/gparam${path}`);
      link.cleargrads();
      tf.dispose([outs, upstream]);
      expect(tf.memory().numTensors, 'tensors').to.equal(before);
      link.dispose();
    });
  }
});
