/** What a side (chaingrad, or a library to compare with) does in a measurement. It runs in a Node process or in a page. */
import type { Graph } from '../models/graph.ts';
import type { JobLog } from './job-log.ts';

export const sideNames = [
  'chaingrad',
  'chaingrad-wide',
  'chaingrad-bytes',
  'chaingrad-webgpu',
  'onnxruntime-web',
  'onnxruntime-webgpu',
  'tfjs-wasm',
  'tfjs-webgpu',
  'tfjs-layers',
  'tfjs-layers-kernels',
  'face-api',
  'face-api-kernels',
  'tfjs-cpu',
  'jax-js',
  'litert',
  'onnxruntime-node',
  'pytorch',
] as const;
export type SideName = (typeof sideNames)[number];

/** Whether a side computes on WebGPU. */
export const isOnGpu = (side: SideName): boolean => side.endsWith('webgpu');

/** An RGB picture, (height, width, 3), 0..255. */
export interface Photo {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly shape: [height: number, width: number, channels: number];
}

/** How a side gets at things where it runs. */
export interface Platform {
  readonly kind: 'node' | 'browser';
  /** A file made by `prepare`. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Where that file is, for libraries that read from disk by parts; Node only. */
  path?(name: string): string;
  photo(): Promise<Photo>;
  /** Time that all threads of the process have computed, in ms; where that can be known. */
  readonly cpuMs?: () => number;
  /** The widest vector instructions of the processor, e.g. AVX-512; where that can be known. */
  readonly instructions?: string | undefined;
}

export interface OpenOptions {
  readonly batch: number;
  readonly threads: number;
  /** Parameters are drawn in memory instead of read from the files: for graphs that have none. */
  readonly drawn: boolean;
  /** What filters that chaingrad has prepared may take, where that is not left to it. */
  readonly cacheBytes?: number;
  /** Whether sides on WebGPU take an adapter that computes on the processor. Default false. */
  readonly softwareGpu?: boolean;
  readonly platform: Platform;
}

/** A network that is ready to run. */
export interface Runner {
  /** What is in use, for the report. */
  readonly info: string;
  /** The kind of code that computes; see code.ts. */
  readonly code: string;
  /** Takes the batch, (B, H, W, C), in whatever layout the side wants; not measured. */
  input(x: Float32Array<ArrayBuffer>): void;
  /** From numbers to numbers: one forward pass of the batch. */
  forward(): Promise<Float32Array[]>;
  /** The same from a tensor to tensors, which stay where the library keeps them. */
  compute?(): Promise<void>;
  /** The outputs of `forward` with channels last; not measured. */
  channelsLast?(outputs: Float32Array[]): Float32Array[];
  /** From a photo to boxes; tells how many. */
  predict?(photo: Photo): Promise<number>;
  /** One step of training: forward, gradients, update; tells the loss. */
  train?(): Promise<number>;
  /** From now on jobs are divided as for so many threads, but computed by one, and logged; see job-log.ts. */
  logJobs?(threads: number): JobLog;
  dispose?(): void;
}

export interface Side {
  open(graph: Graph, options: OpenOptions): Promise<Runner>;
}

/** The same program with our kernels under it, of which it knows nothing. */
const withKernels = ({ open }: Side): Side => ({
  async open(graph, options) {
    const { startKernels } = await import('./kernels.ts');
    const about = await startKernels(options);
    return { ...(await open(graph, options)), ...about };
  },
});

/**
 * Loads a side; nothing of the others.
 *
 * @throws Error for `pytorch`, which `pytorch/main.py` measures.
 */
export async function loadSide(name: SideName): Promise<Side> {
  switch (name) {
    case 'chaingrad':
      return (await import('./chaingrad.ts')).chaingrad;
    case 'chaingrad-wide':
      return (await import('./chaingrad.ts')).chaingradWide;
    case 'chaingrad-bytes':
      return (await import('./chaingrad.ts')).chaingradBytes;
    case 'chaingrad-webgpu':
      return (await import('./chaingrad.ts')).chaingradWebgpu;
    case 'onnxruntime-web':
      return (await import('./onnxruntime-web.ts')).onnxruntimeWeb;
    case 'onnxruntime-webgpu':
      return (await import('./onnxruntime-webgpu.ts')).onnxruntimeWebgpu;
    case 'tfjs-wasm':
      return (await import('./tfjs-wasm.ts')).tfjsWasm;
    case 'tfjs-webgpu':
      return (await import('./tfjs-webgpu.ts')).tfjsWebgpu;
    case 'tfjs-layers':
      return (await import('./tfjs-layers.ts')).tfjsLayers;
    case 'tfjs-layers-kernels':
      return withKernels((await import('./tfjs-layers.ts')).tfjsLayers);
    case 'face-api':
      return (await import('./face-api.ts')).faceApi;
    case 'face-api-kernels':
      return withKernels((await import('./face-api.ts')).faceApi);
    case 'tfjs-cpu':
      return (await import('./tfjs-cpu.ts')).tfjsCpu;
    case 'jax-js':
      return (await import('./jax-js.ts')).jaxJs;
    case 'litert':
      return (await import('./litert.ts')).litert;
    case 'onnxruntime-node':
      return (await import('./onnxruntime-node.ts')).onnxruntimeNode;
    case 'pytorch':
      throw new Error('PyTorch is measured in a process of Python');
  }
}
