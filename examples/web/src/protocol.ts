/** What the page and its worker say to each other. */
import type { BackendInfo } from '@chaingrad/core';

export type BackendChoice = 'auto' | 'webgpu' | 'wasm' | 'cpu';
export type ModelChoice = 'pretrained' | 'tuned';

export interface Started extends BackendInfo {
  readonly isolated: boolean;
  readonly hasWebGPU: boolean;
}

export interface ModelFacts {
  readonly kind: ModelChoice;
  readonly labelNames: readonly string[];
  /** Scalars in all parameters. */
  readonly params: number;
}

export interface Detections {
  /** Rows of (yMin, xMin, yMax, xMax) in pixels of the picture. */
  readonly bbox: Float32Array;
  readonly label: Int32Array;
  readonly score: Float32Array;
  readonly labelNames: readonly string[];
  readonly milliseconds: number;
}

export interface LabelledBox {
  readonly label: number;
  readonly box: readonly [yMin: number, xMin: number, yMax: number, xMax: number];
}

export interface LabelledPicture {
  readonly name: string;
  readonly image: Blob;
  readonly boxes: readonly LabelledBox[];
}

export interface TrainingTask {
  readonly labelNames: readonly string[];
  readonly pictures: readonly LabelledPicture[];
  readonly iterations: number;
  /** Leave the layers on the large maps as they are: half the time of a step. */
  readonly freezeEarly: boolean;
  /** Paths of parameters that are frozen besides: the switches under "Look inside". Filled in by the worker. */
  readonly frozen?: readonly string[];
}

/** What the fine-tune copy did, and where training begins. */
export interface TrainingStart {
  readonly summary: string;
  readonly copied: number;
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
  readonly frozen: number;
  readonly iteration: number;
  readonly losses: readonly (readonly [iteration: number, loss: number])[];
}

/** A training of an earlier visit that can go on. */
export interface Unfinished {
  readonly labelNames: readonly string[];
  readonly pictures: number;
  readonly iterations: number;
}

export interface TreeRow {
  readonly path: string;
  readonly link: string;
  readonly params: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly count: number;
  readonly outputs: string;
  readonly frozen: 'all' | 'some' | 'none';
}

/** What the page shows of the inside of the network. */
export interface Figure {
  readonly image: ImageData;
  readonly caption: string;
}

/** Calls of the page: argument and answer. */
export interface Calls {
  start: [backend: BackendChoice, answer: Started];
  loadModel: [kind: ModelChoice, answer: ModelFacts];
  detect: [{ image: ImageBitmap; threshold: number }, Detections];
  train: [TrainingTask, TrainingStart];
  unfinished: [null, Unfinished | null];
  resumeTraining: [null, TrainingStart];
  pause: [boolean, null];
  stop: [null, null];
  save: ['npz' | 'safetensors', Uint8Array<ArrayBuffer>];
  tree: [null, TreeRow[]];
  freeze: [{ path: string; frozen: boolean }, TreeRow[]];
  filters: [null, Figure];
  featureMaps: [{ image: ImageBitmap; path: string }, Figure];
}

export type CallName = keyof Calls;

export type WorkerEvent =
  | {
      readonly event: 'progress';
      readonly iteration: number;
      readonly loss: number;
      readonly seconds: number;
    }
  | { readonly event: 'saved'; readonly iteration: number }
  | { readonly event: 'trained'; readonly stopped: boolean; readonly iteration: number }
  | { readonly event: 'failed'; readonly message: string }
  | { readonly event: 'deviceLost'; readonly message: string; readonly started: Started };

export interface Request {
  readonly id: number;
  readonly name: CallName;
  readonly argument: unknown;
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
