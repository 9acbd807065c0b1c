/**
 * A program of its own for memory.test.ts, as tfjs' backend can be started only once in a process: makes a network, runs it,
 * trains one step, disposes all, over and over. Prints JSON: what was in use after the warm-up, and 100 rounds later.
 */
import {
  averagePooling2D,
  Chain,
  Convolution2D,
  DepthwiseConvolution2D,
  Linear,
  MomentumSGD,
  maxPooling2D,
  relu,
  relu6,
  softmaxCrossEntropy,
  useBackend,
  usingConfig,
} from '@chaingrad/core';
import { wasmFilterCacheBytes } from '@chaingrad/kernels/wasm';
import * as tf from '@tensorflow/tfjs-core';

class Net extends Chain {
  /** A product: too few channels for Winograd. */
  readonly first = new Convolution2D(3, 16, 3, { pad: 1 });
  readonly winograd = new Convolution2D(16, 24, 3, { pad: 1 });
  readonly depthwise = new DepthwiseConvolution2D(24, 1, 3, { pad: 1 });
  readonly pointwise = new Convolution2D(24, 32, 1);
  readonly strided = new Convolution2D(32, 32, 3, { pad: 1, stride: 2 });
  readonly dilated = new Convolution2D(32, 32, 3, { pad: 2, dilate: 2 });
  readonly groups = new Convolution2D(32, 16, 3, { pad: 1, groups: 2 });
  readonly fc1 = new Linear(null, 20);
  readonly fc2 = new Linear(20, 5);

  override forward(x: tf.Tensor4D): tf.Tensor2D {
    let h = relu(this.winograd.call(relu(this.first.call(x))));
    h = relu6(this.pointwise.call(this.depthwise.call(maxPooling2D(h, { ksize: 2 }))));
    h = relu(this.dilated.call(relu(this.strided.call(h))));
    h = averagePooling2D(this.groups.call(h), { ksize: 2 });
    return this.fc2.call(relu(this.fc1.call(h)));
  }
}

/** Blocks of the heap that are in use, of those that JavaScript asked for. */
let blocks = 0;

function countBlocks(): void {
  const { wasm } = tf.backend() as unknown as {
    wasm: { _malloc(bytes: number): number; _free(pointer: number): void };
  };
  const { _malloc, _free } = wasm;
  wasm._malloc = (bytes) => {
    blocks++;
    return _malloc(bytes);
  };
  wasm._free = (pointer) => {
    blocks--;
    _free(pointer);
  };
}

function inUse() {
  const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
  const { numTensors, numDataBuffers } = tf.memory();
  const [heapBytes, filterBytes] = [wasm.HEAPU8.byteLength, wasmFilterCacheBytes()];
  return { numTensors, numDataBuffers, heapBytes, filterBytes, blocks };
}

const { wasm: info } = await useBackend('wasm', { threads: Number(process.argv[2]) });
countBlocks();
const x = tf.randomUniform([2, 24, 24, 3], -1, 1, 'float32', 1) as tf.Tensor4D;
const t = tf.tensor1d([1, 3], 'int32');
const atWork = { filterBytes: 0, numTensors: 0 };

function round(): number {
  const model = new Net();
  // Twice: filters that are used once need not be kept.
  for (let i = 0; i < 2; i++) usingConfig('train', false, () => tf.tidy(() => model.call(x).dataSync()));
  atWork.filterBytes = wasmFilterCacheBytes();
  const optimizer = new MomentumSGD({ lr: 0.01 }).setup(model);
  const loss = optimizer.update(() => softmaxCrossEntropy(model.call(x), t));
  const value = loss.dataSync()[0]!;
  atWork.numTensors = tf.memory().numTensors;
  optimizer.dispose();
  model.dispose();
  return value;
}

for (let i = 0; i < 3; i++) round();
const before = inUse();
let finite = true;
for (let i = 0; i < 100; i++) finite &&= Number.isFinite(round());
const after = inUse();
console.log(JSON.stringify({ threads: info!.threads, before, after, atWork, finite }));
