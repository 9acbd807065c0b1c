/** What the page and its worker say to each other. */
import type { BackendInfo } from '@chaingrad/core';
import type { Box, LabelledBox } from './project/project.ts';

export type BackendChoice = 'auto' | 'webgpu' | 'wasm' | 'cpu';

export interface Started extends BackendInfo {
  readonly isolated: boolean;
  readonly hasWebGPU: boolean;
}

/** The id of the detector that is used first. */
export const BUILT_IN = 'built-in';
/** The id of the detector with which every training starts. */
export const START = 'start';

/** Whether a detector comes with the page. */
export const isBuiltIn = (id: string): boolean => id === BUILT_IN || id === START;

/** A model that can be chosen. */
export interface ModelEntry {
  readonly id: string;
  readonly name: string;
  readonly labelNames: readonly string[];
  /** Where it comes from, in a few words. */
  readonly note: string;
}

export interface ModelFacts extends ModelEntry {
  /** Scalars in all parameters. */
  readonly params: number;
  readonly className: string;
  /** Scores from which on it says that it has found something. */
  readonly threshold: number;
  /** What it can be handed out as. */
  readonly formats: readonly SavedFormat[];
}

export interface Detections {
  /** Rows of (yMin, xMin, yMax, xMax) in pixels of the picture. */
  readonly bbox: Float32Array;
  readonly label: Int32Array;
  readonly score: Float32Array;
  readonly labelNames: readonly string[];
  readonly milliseconds: number;
}

export interface LabelledPicture {
  readonly name: string;
  readonly image: Blob;
  readonly boxes: readonly LabelledBox[];
}

export interface TrainingTask {
  /** Of the model that comes out. */
  readonly name: string;
  readonly labelNames: readonly string[];
  readonly train: readonly LabelledPicture[];
  /** Held out, to measure with. */
  readonly test: readonly LabelledPicture[];
  readonly iterations: number;
  /** Leave the layers on the large maps as they are: half the time of a step. */
  readonly freezeEarly: boolean;
  /** Paths of parameters that are frozen besides: the switches under "Look inside". Filled in by the worker. */
  readonly frozen?: readonly string[];
}

/** What the fine-tune copy did. */
export interface TrainingStart {
  readonly summary: string;
  readonly copied: number;
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
  readonly frozen: number;
}

/** A training of an earlier visit that can go on. */
export interface Unfinished {
  readonly labelNames: readonly string[];
  readonly pictures: number;
  readonly iterations: number;
}

/** Average precision on the held out pictures; null where a class does not occur in them. */
export interface Measured {
  readonly iteration: number;
  readonly map: number | null;
  readonly ap: readonly (number | null)[];
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

/** How much of the score each part of the picture carries. */
export interface Explanation {
  /** `side` x `side` values: the score that is lost when the part around it is covered. */
  readonly values: Float32Array;
  readonly side: number;
  readonly score: number;
}

export const savedFormats = ['npz', 'safetensors', 'onnx'] as const;
export type SavedFormat = (typeof savedFormats)[number];

/** Calls of the page: argument and answer. */
export interface Calls {
  /** `storage`: why the page has none; '' where it has. */
  start: [{ backend: BackendChoice; storage: string }, Started];
  models: [null, ModelEntry[]];
  loadModel: [id: string, ModelFacts];
  openModel: [{ name: string; bytes: Uint8Array<ArrayBuffer> }, ModelFacts];
  renameModel: [{ id: string; name: string }, ModelEntry[]];
  removeModel: [id: string, ModelEntry[]];
  detect: [{ image: ImageBitmap; threshold: number }, Detections];
  train: [TrainingTask, TrainingStart];
  unfinished: [null, Unfinished | null];
  resumeTraining: [null, TrainingStart];
  pause: [boolean, null];
  stop: [null, null];
  /** Ends a training at once, and forgets what of it is stored. */
  abandon: [null, null];
  save: [SavedFormat, Uint8Array<ArrayBuffer>];
  tree: [null, TreeRow[]];
  freeze: [{ path: string; frozen: boolean }, TreeRow[]];
  filters: [null, Figure];
  featureMaps: [{ image: ImageBitmap; path: string }, Figure];
  explain: [{ image: ImageBitmap; box: Box; label: number }, Explanation];
}

export type CallName = keyof Calls;

export type WorkerEvent =
  | { readonly event: 'weights'; readonly loaded: number; readonly total: number }
  | {
      readonly event: 'progress';
      readonly iteration: number;
      readonly loss: number;
      readonly seconds: number;
    }
  | ({ readonly event: 'measured' } & Measured)
  | { readonly event: 'saved'; readonly iteration: number }
  | {
      readonly event: 'trained';
      readonly stopped: boolean;
      /** It had stopped getting better. */
      readonly early: boolean;
      readonly iteration: number;
      readonly model: ModelEntry;
      /** Of the model that is kept: the best one. */
      readonly best: Measured | null;
    }
  | { readonly event: 'failed'; readonly message: string }
  | { readonly event: 'notKept'; readonly why: string }
  | { readonly event: 'deviceLost'; readonly message: string; readonly started: Started };

export interface Request {
  readonly id: number;
  readonly name: CallName;
  readonly argument: unknown;
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
