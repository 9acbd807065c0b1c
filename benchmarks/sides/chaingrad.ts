/** chaingrad: its own models where the graph is one of them, its kernels for others. */
import {
  calibrate,
  type Link,
  linear,
  normalize,
  SGD,
  softmaxCrossEntropy,
  useBackend,
  usingConfig,
} from '@chaingrad/core';
import * as kernels from '@chaingrad/kernels/wasm';
import { SSD } from '@chaingrad/vision';
import { load } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { type TrainingStep, trainingStep } from '../../packages/cli/src/commands/bench/training-step.ts';
import { runtimeOf } from '../../packages/kernels/src/wasm/runtime.ts';
import type { Graph } from '../models/graph.ts';
import { drawParam } from '../models/weights.ts';
import { wasmCode } from './code.ts';
import { aboutGpu } from './gpu.ts';
import { logJobs } from './job-log.ts';
import { loadDrawn, modelOf, Small } from './models.ts';
import type { OpenOptions, Platform, Runner, Side } from './side.ts';

/** From disk by parts, as a model is loaded in Node; a page has the bytes. */
async function loadFile(name: string, platform: Platform, model: Link): Promise<void> {
  await load(model, platform.path === undefined ? await platform.read(name) : platform.path(name));
}

/** Our backends: WASM, WASM for registers of 256 bits, WASM with convolutions in 8 bits, WebGPU. */
type Own = 'wasm' | 'wide' | 'bytes' | 'webgpu';

async function start(own: Own, options: OpenOptions): Promise<Pick<Runner, 'info' | 'code'>> {
  if (own === 'webgpu') {
    const about = await aboutGpu(options);
    await useBackend('webgpu');
    return about;
  }
  const { threads, cacheBytes } = options;
  const wide = own === 'wide';
  if (cacheBytes !== undefined) await kernels.setWasmKernelOptions({ cacheBytes });
  const { wasm, notes } = await useBackend('wasm', { threads, wide });
  if (wasm?.threads !== threads || wasm.wide !== wide) throw new Error(notes.join('; '));
  const code = wasmCode(wasm.relaxedSimd, wide);
  return { info: `${threads} thread(s)`, code: own === 'bytes' ? `${code}, 8 bits` : code };
}

/** The function of a graph, from kernels. */
function interpreter(graph: Graph, params: Map<string, tf.Tensor>): (x: tf.Tensor4D) => tf.Tensor[] {
  for (const [name, shape] of graph.params) params.set(name, tf.tensor(drawParam(graph, name), [...shape]));
  return (x) => {
    const values = new Map<string, tf.Tensor>([['x', x]]);
    for (const node of graph.nodes) {
      const h = values.get(node.inputs[0]!) as tf.Tensor4D;
      if (node.op === 'conv') {
        const { stride, dilate, groups, act } = node;
        const attrs = { pad: node.pad, groups, activation: act ?? 'linear' } as const;
        const [W, b] = [params.get(node.W) as tf.Tensor4D, params.get(node.b) as tf.Tensor1D];
        const steps = { stride: [stride, stride], dilation: [dilate, dilate] } as const;
        values.set(node.name, kernels.conv2d(h, W, b, { ...attrs, ...steps }));
      } else if (node.op === 'maxpool') {
        const { ksize, stride, pad } = node;
        values.set(node.name, kernels.maxPool2d(h, { ksize: [ksize, ksize], stride: [stride, stride], pad }));
      } else if (node.op === 'l2norm') {
        values.set(node.name, tf.mul(normalize(h), params.get(node.scale)!));
      } else if (node.op === 'dense') {
        const y = linear(h, params.get(node.W) as tf.Tensor2D, params.get(node.b) as tf.Tensor1D);
        values.set(node.name, node.act === 'relu' ? tf.relu(y) : y);
      } else throw new Error(`chaingrad: '${node.op}' is run by models only`);
    }
    return graph.outputs.map((name) => values.get(name)!);
  };
}

/** One training step of a model, as its users write it: the one that `chaingrad bench` measures. */
function training(model: Link, batch: number): TrainingStep {
  if (!(model instanceof Small)) return trainingStep(model, batch);
  // As its peers do it.
  const optimizer = new SGD({ lr: 0.01 }).setup(model);
  const labels = tf.zeros([batch], 'int32');
  return (x) => optimizer.update((images: tf.Tensor4D) => softmaxCrossEntropy(model.call(images), labels), x);
}

async function read(tensors: readonly tf.Tensor[]): Promise<Float32Array[]> {
  const data = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
  tf.dispose([...tensors]);
  return data;
}

const side = (own: Own): Side => ({
  async open(graph, options): Promise<Runner> {
    const about = await start(own, options);
    const model = modelOf(graph);
    /** Of a graph that is no model. */
    const params = new Map<string, tf.Tensor>();
    if (model !== null) {
      if (options.drawn) await loadDrawn(model, graph);
      else await loadFile(`${graph.name}.safetensors`, options.platform, model);
    }
    const run =
      model === null
        ? interpreter(graph, params)
        : (x: tf.Tensor4D) =>
            [(model as Link & { call(x: tf.Tensor4D): tf.Tensor | tf.Tensor[] }).call(x)].flat();
    let input = new Float32Array(0);
    const shape: [number, number, number, number] = [options.batch, ...graph.input];
    let step: TrainingStep | null = null;
    /** The input of `compute`. */
    let resident: tf.Tensor4D | null = null;
    const pass = (x: () => tf.Tensor4D) => usingConfig('train', false, () => tf.tidy(() => run(x())));
    let isCalibrated = own !== 'bytes';
    /** Once, with the input that is measured. */
    const calibrated = async () => {
      if (isCalibrated || model === null) return;
      isCalibrated = true;
      await calibrate(model, () => tf.dispose(pass(() => tf.tensor4d(input, shape))));
    };
    return {
      ...about,
      input(x) {
        input = x;
      },
      async forward() {
        await calibrated();
        return read(pass(() => tf.tensor4d(input, shape)));
      },
      async compute() {
        resident ??= tf.tensor4d(input, shape);
        tf.dispose(pass(() => resident!));
      },
      predict:
        model instanceof SSD ? async (photo) => (await model.predict([photo])).labels[0]!.length : undefined,
      train:
        model === null
          ? undefined
          : async () => {
              step ??= training(model, options.batch);
              const x = tf.tensor4d(input, shape);
              const loss = step(x);
              const [value] = await loss.data();
              x.dispose();
              return value!;
            },
      logJobs: own === 'webgpu' ? undefined : (threads) => logJobs(runtimeOf(tf.backend()), threads),
      dispose() {
        tf.dispose([...params.values()]);
        resident?.dispose();
        model?.dispose();
      },
    };
  },
});

export const chaingrad = side('wasm');

/** Compiled for registers of 256 bits: `useBackend('wasm', { wide: true })`. */
export const chaingradWide = side('wide');

/** Calibrated: convolutions multiply bytes where that is faster and changes little. */
export const chaingradBytes = side('bytes');

export const chaingradWebgpu = side('webgpu');
