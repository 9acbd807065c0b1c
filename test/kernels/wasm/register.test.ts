import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { CONV_2D } from '../../../packages/kernels/src/attrs.ts';
import { openHeap } from '../../../packages/kernels/src/wasm/heap.ts';
import {
  registerWasmKernels,
  setWasmKernelOptions,
  WasmInternalsError,
  WasmMemoryError,
  wasmFilterCacheBytes,
} from '../../../packages/kernels/src/wasm/index.ts';
import { run, useFastWasm } from './support.ts';

const attrs = { stride: [1, 1], pad: [1, 1, 1, 1], dilation: [1, 1], groups: 1, activation: 'relu' };

const heapBytes = () => (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength;

describe('wasm: registration', () => {
  before(useFastWasm);

  it('tells what it chose, and is idempotent', async () => {
    const kernel = tf.getKernel('Conv2D', 'wasm').kernelFunc;
    const info = await registerWasmKernels();
    expect(info).to.deep.equal(await registerWasmKernels());
    expect(info.simd).to.equal(true);
    // The stock heap is not shared; a test before may have asked for one that is.
    const isShared = openHeap(tf.backend()).memory.buffer instanceof SharedArrayBuffer;
    expect(info.threads > 1).to.equal(isShared);
    // V8 11 knows relaxed SIMD when it is told to.
    expect(info.relaxed).to.equal(true);
    expect(tf.getKernel('Conv2D', 'wasm').kernelFunc).to.equal(kernel);
  });

  it("works in tfjs' own memory", () => {
    const { memory } = openHeap(tf.backend());
    const tensor = tf.tensor1d([1, 2, 3]);
    const pointer = openHeap(tf.backend()).pointer(tensor);
    expect([...new Float32Array(memory.buffer, pointer, 3)]).to.deep.equal([1, 2, 3]);
    tensor.dispose();
  });

  it('refuses a backend that is built otherwise', () => {
    const backend = tf.backend() as unknown as Record<string, unknown>;
    const { wasm } = backend as { wasm: Record<string, unknown> };
    const broken: Record<string, unknown>[] = [
      {},
      { ...backend, wasm: { ...wasm, _malloc: undefined } },
      { ...backend, wasm: { ...wasm, asm: {}, wasmMemory: undefined } },
      { ...backend, wasm: { ...wasm, HEAPU8: new Uint8Array(8) } },
      { wasm, makeOutput: () => null },
      { wasm, dataIdMap: new Map() },
    ];
    for (const candidate of broken)
      expect(() => openHeap(candidate as unknown as tf.KernelBackend)).to.throw(WasmInternalsError);
  });

  it('a full heap is a typed error', () => {
    expect(() => openHeap(tf.backend()).malloc(2 ** 32 - 4096)).to.throw(WasmMemoryError);
  });

  it('leaves the layout that it does not take to tfjs', () => {
    const x = tf.zeros([1, 8, 4, 4]) as tf.Tensor4D;
    const w = tf.zeros([3, 3, 8, 8]) as tf.Tensor4D;
    expect(() => tf.conv2d(x, w, 1, 1, 'NCHW')).to.throw(/NCHW|channelsFirst/);
    tf.dispose([x, w]);
  });

  it('keeps prepared filters while the filter lives, and within the budget', async () => {
    const before = wasmFilterCacheBytes();
    const x = tf.ones([1, 32, 32, 16]);
    const filters = [0, 1, 2].map(() => tf.ones([16, 16, 3, 3]));
    const call = (filter: tf.Tensor) => run(CONV_2D, { x, filter }, attrs).dispose();
    for (const filter of filters) call(filter);
    expect(wasmFilterCacheBytes()).to.equal(before); // used once: transformed on the way
    for (const filter of filters) call(filter);
    const three = wasmFilterCacheBytes() - before;
    expect(three).to.be.at.least(3 * 36 * 16 * 16 * 4);
    for (const filter of filters) call(filter);
    expect(wasmFilterCacheBytes() - before).to.equal(three);
    const shared = tf.reshape(filters[0]!, [16 * 16, 3, 3]);
    filters[0]!.dispose();
    expect(wasmFilterCacheBytes() - before).to.equal(three); // a reshape shares the data
    shared.dispose();
    expect(wasmFilterCacheBytes() - before).to.equal((three * 2) / 3);
    await setWasmKernelOptions({ cacheBytes: 36 * 16 * 16 * 4 + 4096 });
    expect(wasmFilterCacheBytes()).to.equal(three / 3);
    call(filters[1]!);
    expect(wasmFilterCacheBytes()).to.equal(three / 3);
    await setWasmKernelOptions({ cacheBytes: 0 });
    call(filters[2]!);
    expect(wasmFilterCacheBytes()).to.equal(0);
    await setWasmKernelOptions({ cacheBytes: 2 ** 30 });
    tf.dispose([x, ...filters]);
  });

  it('tfjs itself makes room by dropping prepared filters, and fails with a typed error then', () => {
    const { wasm } = tf.backend() as unknown as {
      wasm: { _malloc(bytes: number): number; _free(pointer: number): void };
    };
    const [x, filter] = [tf.ones([1, 28, 28, 16]), tf.ones([16, 16, 3, 3])];
    const call = () => run(CONV_2D, { x, filter }, attrs);
    call().dispose();
    const expected = call();
    expect(wasmFilterCacheBytes()).to.be.greaterThan(0);
    const blocks: number[] = [];
    // Nothing is written into them, so they take no real memory.
    const fill = () => {
      for (let bytes = 2 ** 28; bytes >= 2 ** 22; ) {
        try {
          blocks.push(wasm._malloc(bytes));
        } catch (error) {
          expect(error).to.be.instanceOf(WasmMemoryError);
          bytes /= 2;
        }
      }
    };
    try {
      fill();
      expect(blocks.includes(0)).to.equal(false);
      expect(wasmFilterCacheBytes()).to.equal(0);
      const tensors = tf.memory().numTensors;
      expect(() => tf.zeros([2 ** 24])).to.throw(WasmMemoryError);
      expect(tf.memory().numTensors).to.equal(tensors);
      const again = call();
      expect(again.dataSync()).to.deep.equal(expected.dataSync());
      again.dispose();
    } finally {
      for (const block of blocks) wasm._free(block);
    }
    tf.dispose([x, filter, expected]);
  });

  it('a clone, and what the tape saves, is the same data and no copy of it', async () => {
    const x = tf.tensor1d([1, 2, 3]);
    const { numDataBuffers } = tf.memory();
    const copy = tf.clone(x);
    expect(tf.memory().numDataBuffers).to.equal(numDataBuffers);
    expect(copy.dataId).to.equal(x.dataId);
    let saved: unknown;
    const identity = tf.customGrad((t, save) => {
      (save as tf.GradSaveFunc)([t as tf.Tensor]);
      const gradFunc = (dy: tf.Tensor, tensors: tf.Tensor[]) => {
        saved = tensors[0]!.dataId;
        return tf.clone(dy);
      };
      return { value: tf.square(t as tf.Tensor), gradFunc };
    });
    tf.tidy(() => tf.grad((t) => identity(t))(x, tf.tensor1d([4, 5, 6]))).dispose();
    expect(saved).to.equal(x.dataId);
    x.dispose();
    expect(Array.from(await copy.data())).to.deep.equal([1, 2, 3]);
    copy.dispose();
    expect(tf.memory().numDataBuffers).to.equal(numDataBuffers - 1);
    const text = tf.tensor1d(['a', 'b']);
    const words = tf.clone(text);
    text.dispose();
    expect(await words.data()).to.deep.equal(['a', 'b']);
    words.dispose();
  });

  it('rejects options out of range', async () => {
    for (const options of [
      { cacheBytes: -1 },
      { cacheBytes: Number.NaN },
      { threads: 0 },
      { threads: 1.5 },
    ]) {
      let thrown: unknown;
      await setWasmKernelOptions(options).catch((error: unknown) => {
        thrown = error;
      });
      expect(thrown).to.be.instanceOf(RangeError);
    }
  });

  it('100 runs leave no tensor and no heap behind', () => {
    const step = () =>
      tf.tidy(() => {
        const x = tf.ones([2, 33, 31, 24]);
        const filter = tf.ones([40, 24, 3, 3]);
        const y = run(CONV_2D, { x, filter }, attrs);
        run('ChaingradConv2DBackpropInput', { dy: y, filter }, { ...attrs, inputShape: x.shape });
        run('ChaingradConv2DBackpropFilter', { x, dy: y }, { ...attrs, filterShape: filter.shape });
      });
    for (let i = 0; i < 3; i++) step();
    const before = [tf.memory().numTensors, tf.memory().numDataBuffers, heapBytes(), wasmFilterCacheBytes()];
    for (let i = 0; i < 100; i++) step();
    expect([
      tf.memory().numTensors,
      tf.memory().numDataBuffers,
      heapBytes(),
      wasmFilterCacheBytes(),
    ]).to.deep.equal(before);
  });
});
