/** What is measured: networks, tasks, sides, engines. */
import type { Task } from '../measure.ts';
import type { SideName } from '../sides/side.ts';

/** A major version of Node, or a browser. */
export type Engine = 'node-20' | 'node-24' | 'node-26' | 'chromium' | 'firefox';

export interface Case {
  readonly id: string;
  readonly title: string;
  readonly model: string;
  readonly tasks: readonly Task[];
  readonly engine: Engine;
  readonly threads: number;
  readonly batch: number;
  /** chaingrad first, or the program with our kernels before the program alone; measured in turn. */
  readonly sides: readonly SideName[];
  /** Processes a side. */
  readonly processes: number;
  readonly warmup: number;
  readonly minRuns: number;
  readonly seconds: number;
  /** A program that we did not write, with our kernels and without. */
  readonly unchanged?: boolean;
  /** Part of `--quick`, in this order. */
  readonly quick?: number;
}

const defaults = {
  tasks: ['forward'],
  engine: 'node-24',
  threads: 1,
  batch: 1,
  processes: 3,
  warmup: 2,
  minRuns: 3,
  seconds: 4,
} as const satisfies Partial<Case>;

type Given = Pick<Case, 'id' | 'title' | 'model' | 'sides'> & Partial<Case>;

const define = (given: Given): Case => ({ ...defaults, ...given });

const all = ['chaingrad', 'onnxruntime-web', 'tfjs-wasm', 'litert', 'onnxruntime-node', 'pytorch'] as const;
const javascript = ['chaingrad', 'onnxruntime-web', 'tfjs-wasm'] as const;
const threaded = ['chaingrad', 'onnxruntime-web', 'onnxruntime-node', 'pytorch'] as const;
const web = ['chaingrad', 'onnxruntime-web'] as const;
const webgpu = ['chaingrad-webgpu', 'onnxruntime-webgpu', 'tfjs-webgpu'] as const;
const own = ['chaingrad'] as const;
const trainers = ['chaingrad', 'pytorch'] as const;

const once = { processes: 1, warmup: 1 } as const;
const ssd300 = { model: 'ssd300' } as const;

export const cases: readonly Case[] = [
  define({ ...ssd300, id: 'ssd300-forward', title: 'SSD300, forward', sides: all, quick: 1 }),
  define({
    ...ssd300,
    id: 'ssd300-forward-node20',
    title: 'SSD300, forward',
    sides: javascript,
    engine: 'node-20',
  }),
  define({
    ...ssd300,
    id: 'ssd300-forward-node26',
    title: 'SSD300, forward',
    sides: web,
    engine: 'node-26',
    ...once,
  }),
  define({ ...ssd300, id: 'ssd300-forward-2threads', title: 'SSD300, forward', sides: threaded, threads: 2 }),
  define({
    ...{ ...ssd300, id: 'ssd300-predict', title: 'SSD300, photo to boxes', sides: own },
    ...{ tasks: ['forward', 'predict'], minRuns: 7, quick: 3 },
  }),
  define({
    ...{ ...ssd300, id: 'ssd300-train', title: 'SSD300, training step', sides: trainers },
    ...{ tasks: ['forward', 'train'], threads: 2, quick: 4 },
  }),
  define({
    ...{ ...ssd300, id: 'ssd300-train-1thread', title: 'SSD300, training step', sides: trainers },
    ...{ tasks: ['forward', 'train'], ...once },
  }),
  define({
    ...{ id: 'vgg16-forward', title: 'VGG16 with its dense layers, forward', model: 'vgg16' },
    sides: ['chaingrad', 'onnxruntime-web', 'tfjs-wasm', 'tfjs-layers', 'onnxruntime-node'],
  }),
  define({
    ...{ id: 'unchanged-tfjs-layers', title: 'tfjs-layers, VGG16 with its dense layers', model: 'vgg16' },
    ...{ sides: ['tfjs-layers-kernels', 'tfjs-layers'], unchanged: true },
  }),
  define({
    ...{ id: 'unchanged-face-api', title: 'face-api.js, photo to faces', model: 'faces' },
    ...{ sides: ['face-api-kernels', 'face-api'], unchanged: true, minRuns: 10 },
  }),
  define({
    ...{ id: 'vgg16-forward-2threads', title: 'VGG16 with its dense layers, forward', model: 'vgg16' },
    ...{ sides: web, threads: 2, ...once },
  }),
  define({
    ...{ id: 'mobilenet-forward', title: 'SSDMobileNetV2, forward', model: 'ssd-mobilenet-v2', sides: all },
    ...{ minRuns: 10, seconds: 2, quick: 2 },
  }),
  define({
    ...{ id: 'mobilenet-forward-node20', title: 'SSDMobileNetV2, forward', model: 'ssd-mobilenet-v2' },
    ...{ sides: [...javascript, 'litert'], engine: 'node-20', minRuns: 10, seconds: 2, ...once },
  }),
  define({
    ...{ id: 'mobilenet-forward-2threads', title: 'SSDMobileNetV2, forward', model: 'ssd-mobilenet-v2' },
    ...{ sides: threaded, threads: 2, minRuns: 10, seconds: 2, ...once },
  }),
  define({
    ...{ id: 'ssd512-forward', title: 'SSD512, forward', model: 'ssd512', sides: javascript },
    ...{ processes: 2, warmup: 1, minRuns: 2 },
  }),
  ...(['vgg16', 'ssd512', 'ssd-mobilenet-v2'] as const).map((model) =>
    define({
      ...{ id: `${model}-train`, title: `${model}, training step`, model, sides: own, threads: 2 },
      ...{ tasks: ['forward', 'train'], ...once, seconds: 2 },
    }),
  ),
  ...[1, 2].map((threads) =>
    define({
      ...{
        id: `ssd-mobilenet-v2-train-batch4-${threads}thread${threads > 1 ? 's' : ''}`,
        title: 'SSDMobileNetV2, training step, batch 4',
        model: 'ssd-mobilenet-v2',
        sides: trainers,
      },
      ...{ tasks: ['forward', 'train'], threads, batch: 4, ...once, seconds: 3 },
    }),
  ),
  ...(['ssd300', 'ssd-mobilenet-v2'] as const).map((model) =>
    define({
      ...{ id: `${model}-wide`, title: `${model}, registers of 256 bits`, model },
      ...{ sides: ['chaingrad', 'chaingrad-wide', ...(model === 'ssd300' ? [] : (['litert'] as const))] },
    }),
  ),
  ...(['ssd-mobilenet-v2', 'ssd300'] as const).map((model) =>
    define({
      ...{ id: `${model}-bytes`, title: `${model}, calibrated for 8 bits`, model },
      ...{ sides: ['chaingrad', 'chaingrad-bytes'], minRuns: 10 },
    }),
  ),
  define({
    ...{ id: 'ssd300-train-wide', title: 'SSD300, training step, registers of 256 bits', model: 'ssd300' },
    ...{ sides: ['chaingrad', 'chaingrad-wide'], tasks: ['train'], processes: 2, seconds: 3 },
  }),
  define({
    ...{ id: 'small-train', title: 'Small convolution network on 32x32, training step', model: 'small' },
    ...{ sides: ['chaingrad', 'jax-js', 'tfjs-cpu'], tasks: ['train'], seconds: 1, quick: 5 },
  }),
  define({
    ...{
      ...ssd300,
      id: 'ssd300-layers',
      title: 'SSD300, layer by layer',
      sides: javascript,
      tasks: ['layers'],
    },
    ...{ ...once, seconds: 0.2, minRuns: 3 },
  }),
  define({
    ...{ ...ssd300, id: 'ssd300-serial', title: 'SSD300, what threads cannot divide', sides: own },
    ...{ tasks: ['serial'], ...once, minRuns: 7 },
  }),
  define({
    ...{ id: 'mobilenet-layers', title: 'SSDMobileNetV2, layer by layer', model: 'ssd-mobilenet-v2' },
    ...{ sides: javascript, tasks: ['layers'], ...once, seconds: 0.2, minRuns: 3 },
  }),
  ...[2, 4].map((batch) =>
    define({
      ...{
        ...ssd300,
        id: `ssd300-batch${batch}`,
        title: `SSD300, batch ${batch}, forward`,
        sides: web,
        batch,
      },
      ...{ ...once, warmup: 2, minRuns: 3, seconds: 3 },
    }),
  ),
  ...[96, 160, 224, 320].map((size) =>
    define({
      ...{
        id: `vgg-convs-${size}`,
        title: `VGG16's convolutions, ${size}x${size}`,
        model: `vgg-convs-${size}`,
      },
      ...{ sides: javascript, ...once, seconds: 1 },
    }),
  ),
  ...(['ssd300', 'ssd-mobilenet-v2'] as const).map((model) =>
    define({
      ...{ id: `${model}-chromium-webgpu`, title: `${model}, forward on WebGPU`, model },
      ...{ sides: webgpu, engine: 'chromium', warmup: 3, minRuns: 10 },
    }),
  ),
  ...(['chromium', 'firefox'] as const).flatMap((engine, i) => [
    define({
      ...{ ...ssd300, id: `ssd300-${engine}`, title: 'SSD300, forward', sides: javascript, engine },
      ...{ processes: 3, seconds: 3, quick: 6 + i },
    }),
    define({
      ...{ ...ssd300, id: `ssd300-${engine}-2threads`, title: 'SSD300, forward', sides: javascript },
      ...{ engine, threads: 2, processes: 1, seconds: 3 },
    }),
    define({
      ...{ id: `mobilenet-${engine}`, title: 'SSDMobileNetV2, forward', model: 'ssd-mobilenet-v2' },
      ...{ sides: [...javascript, 'litert'], engine, minRuns: 10, seconds: 2, ...once },
    }),
    define({
      ...{ ...ssd300, id: `ssd300-${engine}-train`, title: 'SSD300, training step', sides: own },
      ...{ engine, tasks: ['forward', 'train'], threads: 2, ...once, seconds: 3 },
    }),
  ]),
];

/** The cases of `--quick`: one process a side, without the slowest peer where it adds nothing. */
export function quickCases(): Case[] {
  return cases
    .filter((one) => one.quick !== undefined)
    .sort((a, b) => a.quick! - b.quick!)
    .map((one) => ({
      ...one,
      ...{ processes: 1, warmup: 1, minRuns: 2, seconds: 1 },
      sides: one.engine.startsWith('node') ? one.sides : one.sides.filter((side) => side !== 'tfjs-wasm'),
    }));
}

/** What a side cannot do, and why it does not appear: said in the report. */
export const absent: readonly (readonly [SideName, string])[] = [
  ['onnxruntime-web', 'trains nothing: it has no gradients.'],
  [
    'tfjs-wasm',
    'trains no convolution (no kernel Conv2DBackpropFilter), and has no threads in Node (its threaded build runs in pages only).',
  ],
  ['chaingrad-webgpu', 'and the others on WebGPU are measured where Chromium finds a GPU.'],
  ['chaingrad-wide', 'is opt-in, as its pass of V8 is experimental; Node 24 alone runs it.'],
  [
    'chaingrad-bytes',
    'has other results: it is calibrated, with the input that is measured. Weights are drawn here; what trained ones lose stands in benchmarks/README.md.',
  ],
  ['tfjs-layers', 'runs on tfjs-wasm: measured with the classifier only, and cannot train it either.'],
  ['jax-js', 'needs minutes for a training step of an SSD300; measured on a small network.'],
  ['tfjs-cpu', 'likewise.'],
  ['litert', 'trains nothing; its threads are for pages only, so it is measured with one.'],
  ['onnxruntime-node', 'is native code with AVX-512 where the CPU has it; no WASM can use those registers.'],
  ['pytorch', 'likewise (oneDNN); it is measured where there is a Python that has it.'],
];
