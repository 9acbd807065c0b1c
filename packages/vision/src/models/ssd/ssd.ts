import { checkOptions, type OptionKinds } from '@chaingrad/core';
import { aboutMetadata } from '@chaingrad/weights';
import type * as tf from '@tensorflow/tfjs-core';
import { VisionOptionError } from '../../errors.ts';
import { type Image, type ImageSource, toImage } from '../../image/index.ts';
import { crop } from '../../transforms/image/crop.ts';
import { paste } from '../../transforms/image/paste.ts';
import { type ResizeBackend, resize } from '../../transforms/index.ts';
import type { Detections } from '../../utils/bbox/detections.ts';
import { normalizePixels, stack } from '../batch.ts';
import type { Predictions, PredictOptions, Suppression } from '../detection-link.ts';
import {
  type DetectionPresets,
  type DetectionSettings,
  Detector,
  nameOf,
  nthPart,
  readAll,
} from '../detector.ts';
import { type DetectorGraph, type ExportableDetector, onnxOfDetector } from '../onnx/onnx-of-detector.ts';
import type { SSDExtractor } from './extractor.ts';
import type { Multibox } from './multibox.ts';
import { MultiboxCoder, type ScoreFunction } from './multibox-coder.ts';
import { ssdGraph } from './onnx-graph.ts';
import { checkTiles, mergeTiles, tileWindows } from './tiles.ts';

/** Default boxes of the extractor's grids and the heads' aspect ratios, or a coder of one's own. */
export type SSDBoxes =
  | {
      /** Distance of neighbouring cells of each feature map, in pixels of the input. */
      readonly steps: readonly number[];
      /** Side of the square box of each feature map, and one more, in pixels of the input. */
      readonly sizes: readonly number[];
      readonly variance?: readonly [position: number, size: number];
    }
  | { readonly coder: MultiboxCoder };

export type SSDOptions = SSDBoxes & {
  /** Subtracted from every pixel: one number, or one a channel (RGB). Default 0. */
  readonly mean?: number | readonly number[];
  /** How class outputs become scores: softmax over a row, or each column's sigmoid. Default 'softmax'. */
  readonly scoreFunction?: ScoreFunction;
  /** Whose resizing the network was trained with. Default `cv2`. */
  readonly resizeBackend?: ResizeBackend;
};

const ssdKinds = {
  steps: 'object',
  sizes: 'object',
  variance: 'object',
  coder: 'object',
  mean: 'any',
  scoreFunction: ['softmax', 'sigmoid'],
  resizeBackend: 'any',
} as const;

export interface SSDPredictOptions extends PredictOptions {
  /** Tiles along each side of an image, beside the whole image. Default `model.tiles`. */
  readonly tiles?: number;
}

/** How a picture becomes the network's input: brought to its size, divided, and a mean subtracted. */
export interface InputPreparation {
  /** 'stretch' changes the aspect; 'square' adds black at the bottom and right before. */
  readonly fit: 'stretch' | 'square';
  /** Of every value 0..255. */
  readonly divisor: number;
  /** Subtracted after the division: one number, or one a channel (RGB). */
  readonly mean: number | readonly number[];
}

/** Tiles of one forward pass. */
const TILES_AT_ONCE = 4;

/** With soft suppression boxes from this score on vote, whatever score is asked for: it does not move the boxes. */
const VOTERS_SCORE = 0.01;

const PRESETS: DetectionPresets = {
  visualize: { nmsThresh: 0.45, scoreThresh: 0.6 },
  evaluate: { nmsThresh: 0.45, scoreThresh: 0.01 },
};

/**
 * A single shot multibox detector: an extractor of feature maps, heads over them, and the coder of their boxes.
 *
 * Subclasses for other networks override `preparation` and `boxScale`. Children are `extractor` and `multibox`. Source: Liu et al., SSD (2016). Chainer counterpart: `chainercv.links.SSD`.
 *
 * ```ts
 * const { bboxes, labels, scores } = await model.predict([image]);
 * ```
 */
export class SSD<E extends SSDExtractor = SSDExtractor> extends Detector implements ExportableDetector {
  readonly coder: MultiboxCoder;
  readonly mean: number | readonly number[];
  readonly scoreFunction: ScoreFunction;
  override readonly resizeBackend: ResizeBackend;
  /**
   * Along each side of an image so many overlapping tiles are looked at, beside the whole image: things that are small in it are
   * larger in a tile. 1: the image alone. A detector is trained for its tiles, and its file tells them.
   */
  tiles = 1;
  /**
   * What becomes of overlapping boxes where `predict` is given no `nmsThresh`: 'hard' as ChainerCV does, or 'soft', which finds more
   * of a crowd, and places boxes more exactly. A file tells it.
   */
  nms: Suppression = 'hard';

  /** @throws VisionOptionError when the lists of the boxes do not have one entry a feature map. */
  constructor(
    readonly extractor: E,
    readonly multibox: Multibox,
    options: SSDOptions,
  ) {
    super(PRESETS);
    const {
      mean = 0,
      scoreFunction = 'softmax',
      resizeBackend = 'cv2',
      ...boxes
    } = checkOptions<SSDOptions>('SSD', options, ssdKinds as OptionKinds<SSDOptions>);
    this.mean = mean;
    this.scoreFunction = scoreFunction;
    this.resizeBackend = resizeBackend;
    this.coder = 'coder' in boxes ? boxes.coder : gridCoder(extractor, multibox, boxes);
  }

  static override readonly modelName: string = 'SSD';

  override serialMetadata(): Record<string, string> {
    const { nFgClass, labelNames, scoreFunction, insize, tiles, nms } = this;
    const { modelName: model, inputShape } = this.constructor as typeof SSD & {
      inputShape?: readonly number[];
    };
    const usual = inputShape?.[1];
    return aboutMetadata({
      model,
      nFgClass,
      labelNames,
      scoreFunction,
      // What every one of the class has needs no telling.
      ...(insize === usual ? {} : { insize }),
      ...(tiles === 1 ? {} : { tiles }),
      ...(nms === 'hard' ? {} : { nms }),
    });
  }

  /** What an ONNX file of it needs to be told: `save('detector.onnx', model)`. */
  onnxArguments(): ReturnType<typeof onnxOfDetector> {
    return onnxOfDetector(this);
  }

  /** Its graph, for `onnxOfDetector`. */
  onnxGraph(): DetectorGraph {
    return ssdGraph(this);
  }

  /** Side of the square input in pixels. */
  get insize(): number {
    return this.extractor.insize;
  }

  get nFgClass(): number {
    return this.multibox.nClass - 1;
  }

  /**
   * @param x prepared images (B, insize, insize, 3).
   * @returns offsets (B, K, 4) and class outputs (B, K, nFgClass + 1) of the K default boxes.
   */
  override forward(x: tf.Tensor4D): [mbLocs: tf.Tensor3D, mbConfs: tf.Tensor3D] {
    return this.multibox.call(this.extractor.call(x));
  }

  /** How `prepare` makes inputs of images. */
  get preparation(): InputPreparation {
    return { fit: 'stretch', divisor: 1, mean: this.mean };
  }

  /** The first so many classes are what `predict` gives. */
  get nGivenClass(): number {
    return this.nFgClass;
  }

  /**
   * An image as the network wants it: brought to its input size, minus the mean.
   * @param img (H, W, 3), RGB, 0..255.
   * @returns (insize, insize, 3).
   */
  prepare(img: Image, resizeBackend = this.resizeBackend): Image<Float32Array> {
    const { fit, divisor, mean } = this.preparation;
    const side = Math.max(img.shape[0], img.shape[1]);
    const fitted = fit === 'square' ? paste(img, [side, side], [0, 0], 0) : img;
    const { data, shape } = resize(fitted, [this.insize, this.insize], { backend: resizeBackend });
    return { data: normalizePixels(data, mean, divisor), shape };
  }

  /** Pixels of an image of this size in one unit of the default boxes, along y and x. The inverse of `prepare`'s stretching. */
  boxScale([height, width]: readonly [height: number, width: number]): [y: number, x: number] {
    return [height / this.insize, width / this.insize];
  }

  /**
   * Finds the objects in images of any sizes, with one forward pass for all of them; with `tiles` one for each, where boxes
   * that a tile cuts are left to its neighbours, and what several see counts once.
   *
   * Boxes are not clipped to the image; they come class by class, by descending score in a class. Dropout and batch
   * normalization work as in a test, whatever `config.train` says. Timers, input and rendering have a turn in each call.
   *
   * @param imgs RGB, 0..255: (H, W, 3) tensors, `Image`s, `ImageData`, canvases, image bitmaps. Tensors stay the caller's.
   */
  override async predict(
    imgs: readonly ImageSource[],
    options: SSDPredictOptions = {},
  ): Promise<Predictions> {
    const {
      nmsThresh = this.nmsThresh,
      scoreThresh = this.scoreThresh,
      resizeBackend = this.resizeBackend,
      tiles = this.tiles,
    } = checkOptions(
      `${nameOf(this)}.predict`,
      options,
      { nmsThresh: 'number | null', scoreThresh: 'number', resizeBackend: 'any', tiles: 'number' },
      { threshold: 'scoreThresh', iouThresh: 'nmsThresh' },
    );
    checkTiles(tiles);
    const isSoft = this.nms === 'soft' && options.nmsThresh === undefined && nmsThresh !== null;
    const suppression = isSoft ? { soft: scoreThresh } : nmsThresh;
    const each = {
      nmsThresh: isSoft ? null : nmsThresh,
      scoreThresh: isSoft ? Math.min(scoreThresh, VOTERS_SCORE) : scoreThresh,
      resizeBackend,
    };
    if (tiles === 1 && !isSoft) return super.predict(imgs, each);
    const out: Predictions = { bboxes: [], labels: [], scores: [] };
    const give = ({ bbox, label, score }: Detections) => {
      out.bboxes.push(bbox);
      out.labels.push(label);
      out.scores.push(score);
    };
    const images = await Promise.all(imgs.map((img) => toImage(img)));
    if (tiles === 1) {
      const { bboxes, labels, scores } = await super.predict(images, each);
      images.forEach(({ shape }, i) => {
        const parts = { bboxes: [bboxes[i]!], labels: [labels[i]!], scores: [scores[i]!] };
        give(mergeTiles(parts, tileWindows(shape, 1), shape, suppression));
      });
      return out;
    }
    for (const img of images) {
      const windows = tileWindows(img.shape, tiles);
      const parts: Predictions = { bboxes: [], labels: [], scores: [] };
      // A few at a time: the memory is that of a batch, however many tiles there are.
      for (let i = 0; i < windows.length; i += TILES_AT_ONCE) {
        const some = windows.slice(i, i + TILES_AT_ONCE).map((window) => crop(img, window));
        const found = await super.predict(some, each);
        parts.bboxes.push(...found.bboxes);
        parts.labels.push(...found.labels);
        parts.scores.push(...found.scores);
      }
      give(mergeTiles(parts, windows, img.shape, suppression));
    }
    return out;
  }

  protected override async detect(
    images: readonly Image[],
    { nmsThresh, scoreThresh, resizeBackend }: DetectionSettings,
  ): Promise<Detections[]> {
    const prepared = images.map((img) => this.prepare(img, resizeBackend));
    const [locs, confs] = await readAll(this.evaluating(() => this.call(stack(prepared))));
    const { scoreFunction } = this;
    return images.map(({ shape: [height, width] }, i) => {
      const [loc, conf] = [locs!, confs!].map((values) => nthPart(values, i, images.length));
      const found = this.coder.decode(loc!, conf!, { nmsThresh, scoreThresh, scoreFunction });
      const scale = this.boxScale([height, width]);
      return { ...found, bbox: found.bbox.map((value, k) => value * scale[k % 2]!) };
    });
  }
}

/** The coder whose boxes follow from the grids of the extractor and the aspect ratios of the heads, as in the paper. */
function gridCoder(
  { grids }: SSDExtractor,
  { cells }: Multibox,
  { steps, sizes, variance = [0.1, 0.2] }: Exclude<SSDBoxes, { coder: MultiboxCoder }>,
): MultiboxCoder {
  const aspectRatios = cells.map((cell) => {
    if (typeof cell !== 'number') return cell;
    throw new VisionOptionError('SSD', 'multibox', 'made with aspect ratios', cells, 'Or give a coder.');
  });
  return new MultiboxCoder({ grids, aspectRatios, steps, sizes, variance });
}
