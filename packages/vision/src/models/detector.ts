/** What all detectors have in common: presets, the checks around `predict`, and reading what the network gives. */
import { Chain, checkOptions, yieldToEventLoop } from '@chaingrad/core';
import { type About, aboutMetadata } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { VisionOptionError } from '../errors.ts';
import { type Image, type ImageSource, toImage } from '../image/index.ts';
import type { ResizeBackend } from '../transforms/index.ts';
import type { Detections } from '../utils/bbox/detections.ts';
import type { DetectionLink, Predictions, PredictOptions } from './detection-link.ts';

export type DetectionPreset = 'visualize' | 'evaluate';

/** What decides about the boxes that are given. */
export interface Thresholds {
  /** IoU from which the lower scored of two boxes of a class is dropped; null keeps all. */
  readonly nmsThresh: number | null;
  readonly scoreThresh: number;
}

export type DetectionPresets = Readonly<Record<DetectionPreset, Thresholds>>;

/** How images are detected in, complete. */
export interface DetectionSettings extends Thresholds {
  readonly resizeBackend: ResizeBackend;
}

/** A network that finds objects. Subclasses say how by `detect`, and what their presets are. */
export abstract class Detector extends Chain implements DetectionLink {
  /** Whose resizing the network was trained with. */
  readonly resizeBackend: ResizeBackend = 'cv2';
  /** Names of the classes in the order of the labels, where the weights came with some. */
  labelNames: readonly string[] | null = null;
  /** IoU from which the lower scored of two boxes of a class is dropped; null keeps all. */
  nmsThresh: number | null;
  /** Boxes with this score or more are given. */
  scoreThresh: number;

  /** @param presets the thresholds that `usePreset` sets; 'visualize' is in use at first. */
  constructor(readonly presets: DetectionPresets) {
    super();
    ({ nmsThresh: this.nmsThresh, scoreThresh: this.scoreThresh } = presets.visualize);
  }

  /** The name by which files of it know the model; subclasses have their own. */
  static readonly modelName: string = 'Detector';

  /** Classes without the background. */
  abstract get nFgClass(): number;

  /** How class outputs become scores: softmax over a row, or each column's sigmoid. */
  abstract readonly scoreFunction: About['scoreFunction'];

  /** A file of it carries along what is needed to load it again and to decode alike. */
  serialMetadata(): Record<string, string> {
    const { nFgClass, labelNames, scoreFunction } = this;
    return aboutMetadata({ model: nameOf(this), nFgClass, labelNames, scoreFunction });
  }

  /** What is in each of the images, one at least. */
  protected abstract detect(images: readonly Image[], settings: DetectionSettings): Promise<Detections[]>;

  /** Sets both thresholds: few sure boxes to look at, or all that count in an evaluation. */
  usePreset(preset: DetectionPreset): void {
    if (!Object.hasOwn(this.presets, preset)) {
      throw new VisionOptionError(`${nameOf(this)}.usePreset`, 'preset', "'visualize' or 'evaluate'", preset);
    }
    Object.assign(this, this.presets[preset]);
  }

  /**
   * Finds the objects in images of any sizes.
   *
   * Boxes come class by class, by descending score in a class. Dropout and batch normalization work as in a test, whatever
   * `config.train` says. Timers, input and rendering have a turn in each call.
   *
   * @param imgs RGB, 0..255: (H, W, 3) tensors, `Image`s, `ImageData`, canvases, image bitmaps. Tensors stay the caller's.
   */
  async predict(imgs: readonly ImageSource[], options: PredictOptions = {}): Promise<Predictions> {
    const found = await this.detectIn(imgs, options);
    return {
      bboxes: found.map(({ bbox }) => bbox),
      labels: found.map(({ label }) => label),
      scores: found.map(({ score }) => score),
    };
  }

  /** Checks what `predict` was given, and detects. */
  protected async detectIn(imgs: readonly ImageSource[], options: PredictOptions): Promise<Detections[]> {
    const {
      nmsThresh = this.nmsThresh,
      scoreThresh = this.scoreThresh,
      resizeBackend = this.resizeBackend,
    } = checkOptions(
      `${nameOf(this)}.predict`,
      options,
      { nmsThresh: 'number | null', scoreThresh: 'number', resizeBackend: 'any' },
      { threshold: 'scoreThresh', iouThresh: 'nmsThresh' },
    );
    const images = await Promise.all(imgs.map((img) => toImage(img)));
    await yieldToEventLoop();
    return images.length === 0 ? [] : this.detect(images, { nmsThresh, scoreThresh, resizeBackend });
  }
}

/** The name of a detector's class, which minifiers leave alone. */
export const nameOf = (model: Detector): string => (model.constructor as typeof Detector).modelName;

/** The values of tensors, which are disposed, whatever happens. */
export async function readAll(tensors: readonly tf.Tensor[]): Promise<Float32Array[]> {
  try {
    return await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
  } finally {
    tf.dispose([...tensors]);
  }
}

/** Part `i` of `n` equal parts. */
export function nthPart(values: Float32Array, i: number, n: number): Float32Array {
  const size = values.length / n;
  return values.subarray(i * size, (i + 1) * size);
}
