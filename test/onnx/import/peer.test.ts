import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { describeBackends } from '../../support/backends.ts';
import { requirePresent } from '../../support/present.ts';
import { type PeerFolder, peerFolders, peerIsThere, peerTests, runPeerTest } from './peer.ts';

/** Why tests are left out, and which: `folder/test`. A test that passes must not stand here. */
const unsupported = JSON.parse(
  readFileSync(new URL('./peer-unsupported.json', import.meta.url), 'utf8'),
) as Record<string, string[]>;
const listed = new Set(Object.values(unsupported).flat());

/** What must pass whatever the list says: convolutions, pools, norms, activations, arithmetic, reductions, shapes, matrices. */
const required =
  /^(pytorch-converted\/|node\/test_(basic_)?(conv|averagepool|maxpool|global|batchnorm|instancenorm|layer_norm|lrn|mvn|relu|leakyrelu|prelu|elu|celu|selu|sigmoid|hard|soft|logsoftmax|tanh|thresholded|shrink|erf|clip|add(?!_)|add_(bcast|uint8)|sub|mul|div|pow|mod|exp|log|sqrt|abs|neg|sign|floor|ceil|round|sin|cos|tan|asin|acos|atan|equal|greater|less|and|or|xor|not|where|max|min|mean|sum|reduce|arg|shape|reshape|flatten|squeeze|unsqueeze|transpose|concat|split|slice|gather|expand|tile|pad|resize|upsample|matmul|gemm|einsum|nonmax|top_k|depthtospace|spacetodepth|identity(?!_)|dropout))/;

/** A few of each kind, for the backends on which all of them would take minutes. */
const sample: readonly string[] = [
  'add_bcast',
  'averagepool_2d_ceil',
  'averagepool_2d_pads',
  'averagepool_3d_default',
  'batchnorm_epsilon',
  'batchnorm_epsilon_training_mode',
  'argmax_keepdims_example',
  'basic_conv_with_padding',
  'conv_with_autopad_same',
  'conv_with_strides_and_asymmetric_padding',
  'convtranspose_pads',
  'convtranspose_3d',
  'convtranspose_output_shape',
  'clip',
  'concat_3d_axis_1',
  'cumsum_2d_axis_0',
  'depthtospace_crd_mode_example',
  'edge_pad',
  'einsum_batch_matmul',
  'elu',
  'erf',
  'expand_dim_changed',
  'gather_2d_indices',
  'gather_elements_1',
  'gathernd_example_float32',
  'gemm_all_attributes',
  'globalaveragepool',
  'gridsample_bilinear',
  'gru_defaults',
  'hardsigmoid',
  'hardswish',
  'instancenorm_epsilon',
  'layer_normalization_4d_axis2',
  'layer_normalization_3d_axis1_epsilon_expanded',
  'leakyrelu',
  'logsoftmax_axis_1',
  'lrn',
  'lstm_defaults',
  'matmul_4d',
  'max_two_inputs',
  'maxpool_2d_dilations',
  'maxpool_2d_same_lower',
  'maxpool_3d_default',
  'maxpool_with_argmax_2d_precomputed_pads',
  'mod_mixed_sign_int32',
  'pow_bcast_array',
  'prelu_broadcast',
  'reduce_log_sum_exp_do_not_keepdims_random',
  'reduce_max_keepdims_random',
  'reduce_mean_negative_axes_keepdims_random',
  'reshape_negative_dim',
  'resize_downsample_scales_cubic',
  'resize_upsample_scales_linear',
  'resize_upsample_sizes_nearest',
  'roialign_aligned_true',
  'selu',
  'slice_neg_steps',
  'softmax_axis_1',
  'softplus',
  'spacetodepth',
  'split_variable_parts_2d',
  'tile',
  'top_k',
  'transpose_all_permutations_4',
  'unsqueeze_three_axes',
  'where_example',
].map((name) => `test_${name}`);

async function failuresOf(folder: PeerFolder, tests: readonly string[]): Promise<Map<string, Error>> {
  const failures = new Map<string, Error>();
  for (const test of tests) {
    try {
      await runPeerTest(folder, test);
    } catch (error) {
      failures.set(`${folder}/${test}`, error as Error);
    }
  }
  return failures;
}

describe("ONNX' own tests", () => {
  before(function () {
    requirePresent(peerIsThere, 'apt-get install libonnx-testdata', this);
  });

  describeBackends('all of them', () => {
    for (const folder of peerFolders) {
      it(`${folder}: all pass but those that are listed with their reasons`, async () => {
        const tests = peerTests(folder);
        const failures = await failuresOf(folder, tests);
        const surprises = [...failures]
          .filter(([name]) => !listed.has(name))
          .map(([name, { message }]) => `${name}: ${message}`);
        expect(surprises, 'tests that fail and are not listed').to.deep.equal([]);
        const passing = tests.map((test) => `${folder}/${test}`).filter((name) => !failures.has(name));
        expect(
          passing.filter((name) => listed.has(name)),
          'tests that are listed and pass',
        ).to.deep.equal([]);
        if (folder === 'node') expect(passing.length).to.be.at.least(800);
      });
    }

    it('lists only tests that there are, and none of the operators of networks for pictures', () => {
      const all = new Set(
        peerFolders.flatMap((folder) => peerTests(folder).map((test) => `${folder}/${test}`)),
      );
      expect([...listed].filter((name) => !all.has(name))).to.deep.equal([]);
      expect([...listed].filter((name) => required.test(name))).to.deep.equal([]);
    });
  }, ['cpu']);

  describeBackends('a sample', () => {
    it('passes', async () => {
      const failures = await failuresOf('node', sample);
      expect([...failures].map(([name, { message }]) => `${name}: ${message}`)).to.deep.equal([]);
    });
  }, ['wasm', 'webgpu']);
});
