/** ONNX' own tests, as Debian's libonnx-testdata installs them: a network, its inputs, and what must come out. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { usingConfig } from '@chaingrad/core';
import { fromBinary, importOnnx, type OnnxChain, type OnnxOutput, TensorProtoSchema } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { readTensor } from '../../../packages/onnx/src/import/read/tensor.ts';
import { type HostArray, hostArray } from '../../../packages/onnx/src/import/values/host-array.ts';
import { tensorType } from '../../../packages/onnx/src/import/values/value.ts';

const root = '/usr/share/libonnx-testdata/data';

export const peerFolders = ['node', 'pytorch-converted', 'pytorch-operator', 'simple'] as const;
export type PeerFolder = (typeof peerFolders)[number];

/** The test command installs them; elsewhere their absence is seen as skipped tests. */
export const peerIsThere = existsSync(root);

export const peerTests = (folder: PeerFolder): string[] => readdirSync(`${root}/${folder}`).sort();

/** Files of one kind in the order of their numbers. */
function numbered(folder: string, kind: string): string[] {
  const number = (name: string) => Number(/\d+/.exec(name)![0]);
  return readdirSync(folder)
    .filter((name) => name.startsWith(kind))
    .sort((a, b) => number(a) - number(b));
}

function load(path: string): HostArray {
  const message = fromBinary(TensorProtoSchema, new Uint8Array(readFileSync(path)));
  return readTensor(message, path, () => {
    throw new Error('expected values in the file');
  });
}

/** The files hold bfloat16 as integers of 16 bits. */
function asDeclared(array: HostArray, dtype: HostArray['dtype']): HostArray {
  if (dtype !== 'bfloat16' || array.dtype === 'bfloat16') return array;
  const floats = new Float32Array(Uint32Array.from(array.data, (bits) => bits * 65536).buffer);
  return hostArray('bfloat16', array.shape, floats);
}

const toTensor = ({ dtype, shape, data }: HostArray): tf.Tensor =>
  tf.tensor(
    tensorType(dtype) === 'float32' ? Float32Array.from(data) : Int32Array.from(data),
    [...shape],
    tensorType(dtype),
  );

/** ONNX' own runner allows a thousandth. Eight bits of mantissa hold less. */
const allowed = (dtype: HostArray['dtype'], expected: number) =>
  (dtype === 'bfloat16' ? 1e-2 : 1e-3) * Math.abs(expected) + 1e-5;

/** @returns the largest difference, relative to the largest value that is expected. */
async function check(name: string, got: tf.Tensor | undefined, expected: HostArray): Promise<number> {
  if (got === undefined) throw new Error(`${name}: expected an output, got none`);
  if (got.shape.join() !== expected.shape.join())
    throw new Error(`${name}: expected shape (${expected.shape.join(', ')}), got (${got.shape.join(', ')})`);
  const values = await got.data();
  let [worst, largest] = [0, 0];
  for (const [i, value] of values.entries()) {
    const want = expected.data[i]!;
    if (Number.isFinite(want)) largest = Math.max(largest, Math.abs(want));
    if (Object.is(value, want) || value === want) continue;
    if (!(Math.abs(value - want) <= allowed(expected.dtype, want)))
      throw new Error(`${name}: expected ${want} at ${i}, got ${value}`);
    worst = Math.max(worst, Math.abs(value - want));
  }
  return worst / Math.max(largest, 1e-30);
}

/** WebGPU reads no values at once. */
const call = (model: OnnxChain<OnnxOutput>, inputs: tf.Tensor[]): OnnxOutput | Promise<OnnxOutput> =>
  tf.getBackend() === 'webgpu'
    ? model.callAsync(...inputs)
    : usingConfig('train', false, () => model.call(...inputs));

/** The network of a test, and the inputs of its first data set. */
export async function openPeerTest(folder: PeerFolder, test: string) {
  const path = `${root}/${folder}/${test}`;
  const model = await importOnnx<OnnxOutput>(`${path}/model.onnx`);
  const [set] = readdirSync(path).filter((name) => name.startsWith('test_data_set'));
  const inputs = numbered(`${path}/${set}`, 'input').map((name, i) =>
    toTensor(asDeclared(load(`${path}/${set}/${name}`), model.inputs[i]!.dtype)),
  );
  return { model, inputs };
}

/**
 * Runs one test.
 * @returns the largest difference of its outputs, each relative to its largest value.
 * @throws what import throws, or an Error that tells what differs.
 */
export async function runPeerTest(folder: PeerFolder, test: string): Promise<number> {
  let worst = 0;
  const path = `${root}/${folder}/${test}`;
  const before = tf.memory().numTensors;
  using model = await importOnnx<OnnxOutput>(`${path}/model.onnx`);
  for (const set of readdirSync(path).filter((name) => name.startsWith('test_data_set'))) {
    const folderOfSet = `${path}/${set}`;
    const inputs = numbered(folderOfSet, 'input').map((name, i) =>
      toTensor(asDeclared(load(`${folderOfSet}/${name}`), model.inputs[i]!.dtype)),
    );
    const result = await call(model, inputs);
    for (const [i, name] of numbered(folderOfSet, 'output').entries()) {
      const { name: output, dtype } = model.outputs[i]!;
      const got = result instanceof tf.Tensor ? result : result[output];
      const expected = asDeclared(load(`${folderOfSet}/${name}`), dtype);
      worst = Math.max(worst, await check(`${set}, output '${output}'`, got, expected));
    }
    tf.dispose([inputs, result]);
  }
  model.dispose();
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`expected every tensor freed, ${left} are left`);
  return worst;
}
