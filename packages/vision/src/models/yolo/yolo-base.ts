import type { OptionKinds } from '@chaingrad/core';
import {
  type About,
  type FromPretrainedSpec,
  fromPretrained,
  type LoadOptions,
  type PretrainedClass,
  type WeightFile,
  type WeightSource,
} from '@chaingrad/weights';
import type * as tf from '@tensorflow/tfjs-core';
import type { Image } from '../../image/index.ts';
import { resizeContain } from '../../transforms/index.ts';
import { bestOf, noCandidates } from '../../utils/bbox/best-of.ts';
import type { Detections, NumberList } from '../../utils/bbox/detections.ts';
import { normalizePixels, stack } from '../batch.ts';
import { type DetectionSettings, Detector, nthPart, readAll, type Thresholds } from '../detector.ts';
import { type DetectorGraph, type ExportableDetector, onnxOfDetector } from '../onnx/onnx-of-detector.ts';
import type { YOLOExtractor } from './darknet.ts';
import { yoloGraph } from './onnx-graph.ts';

/** The boxes of each cell of a feature map: (height, width), in cells or in pixels. */
export type Anchors = readonly (readonly [height: number, width: number])[];

export interface YOLOOptions {
  /** Classes: YOLO has no background class. */
  readonly nFgClass: number;
  /** Side of the square input in pixels, a multiple of 32. Default 416. */
  readonly insize?: number;
}

export const yoloKinds: OptionKinds<YOLOOptions> = { nFgClass: 'any', insize: 'any' };

export interface PretrainedYOLOOptions extends LoadOptions, Partial<YOLOOptions> {}

/** The biases that are last, and the boxes a cell of that map. */
const LAST_BIASES = { 'subnet/b': 5, 'subnet/0/1/b': 3 };

/** What a file fixes of a YOLO: the number of classes follows from the shape of its last bias. */
async function toldByFile(file: WeightFile, about: About | null): Promise<{ nFgClass?: number }> {
  if (about !== null) return { nFgClass: about.nFgClass };
  for (const [key, anchors] of Object.entries(LAST_BIASES)) {
    const count = file.has(key) ? (await file.info(key)).shape[0]! / anchors - 5 : 0;
    if (Number.isInteger(count) && count > 0) return { nFgClass: count };
  }
  return {};
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * What YOLOv2 and YOLOv3 have in common: boxes around the cells of a grid, each with how sure it is that something is there and
 * what it is.
 *
 * Chainer counterpart: `chainercv.links.model.yolo.YOLOBase`.
 */
export abstract class YOLOBase<E extends YOLOExtractor = YOLOExtractor>
  extends Detector
  implements ExportableDetector
{
  static override readonly modelName: string = 'YOLOBase';
  static readonly inputShape = [1, 416, 416, 3] as const;

  /** K rows of (row, column, height, width): the cell of each box and its size as the anchors have it. */
  readonly defaultBbox: Float32Array;
  /** K sides of a cell, in pixels of the input. */
  readonly step: Float32Array;

  /**
   * @param anchors one list a feature map.
   * @param anchorUnit whether they are in cells or in pixels of the input.
   */
  constructor(
    readonly extractor: E,
    anchors: readonly Anchors[],
    readonly anchorUnit: 'cell' | 'pixel',
    readonly nFgClass: number,
  ) {
    super({
      visualize: { nmsThresh: 0.45, scoreThresh: 0.5 },
      evaluate: { nmsThresh: 0.45, scoreThresh: 0.005 },
    });
    const boxes: number[] = [];
    const steps: number[] = [];
    for (const [k, grid] of extractor.grids.entries()) {
      for (let cell = 0; cell < grid * grid; cell++) {
        for (const [h, w] of anchors[k]!) {
          boxes.push(Math.floor(cell / grid), cell % grid, h, w);
          steps.push(extractor.insize / grid);
        }
      }
    }
    this.defaultBbox = Float32Array.from(boxes);
    this.step = Float32Array.from(steps);
  }

  /**
   * A YOLO with trained weights.
   *
   * ```ts
   * const detector = await YOLOv3.fromPretrained('voc0712');          // 20 classes of Pascal VOC
   * const own = await YOLOv3.fromPretrained('./mine.npz');
   * ```
   *
   * Names that only the file or only the model has are left alone, as in ChainerCV, with a warning if the file is one's own.
   *
   * @param source 'voc0712' (default; Chainer's cache is used, in Node), or any source of weights.
   * @throws PretrainedArgumentError when nFgClass is missing, or is not the one that the weights are made for; MismatchError,
   *   DownloadError, SourceError when they cannot be loaded.
   */
  static fromPretrained<M extends YOLOBase>(
    this: PretrainedClass<Required<YOLOOptions>, M>,
    source?: 'voc0712' | WeightSource,
    options: PretrainedYOLOOptions = {},
  ): Promise<M> {
    const spec = { args: yoloKinds, defaults: { insize: 416 }, told: toldByFile, match: 'common' } as const;
    // biome-ignore lint/complexity/noThisInStatic: it makes a model of the class that it is called on.
    return fromPretrained(this, source, spec as FromPretrainedSpec<Required<YOLOOptions>>, options);
  }

  /** Side of the square input in pixels. */
  get insize(): number {
    return this.extractor.insize;
  }

  /**
   * @param x prepared images (B, insize, insize, 3).
   * @returns offsets (B, K, 4) in the order y, x, height, width, objectness (B, K) and class outputs (B, K, nFgClass).
   */
  abstract override forward(x: tf.Tensor4D): [locs: tf.Tensor3D, objs: tf.Tensor2D, confs: tf.Tensor3D];

  /** What an ONNX file of it needs to be told: `save('yolo.onnx', model)`. */
  onnxArguments(): ReturnType<typeof onnxOfDetector> {
    return onnxOfDetector(this);
  }

  /** Its graph, for `onnxOfDetector`. */
  onnxGraph(): DetectorGraph {
    return yoloGraph(this);
  }

  /**
   * An image as the network wants it: shrunk into its input size with grey around it, 0..1.
   * @param img (H, W, 3), RGB, 0..255.
   */
  prepare(img: Image, resizeBackend = this.resizeBackend): Image<Float32Array> {
    return this.contain(img, resizeBackend).img;
  }

  private contain(img: Image, backend: DetectionSettings['resizeBackend']) {
    const { img: contained, param } = resizeContain(img, [this.insize, this.insize], {
      fill: 127.5,
      backend,
    });
    return { img: { ...contained, data: normalizePixels(contained.data, 0, 255) }, param };
  }

  protected override async detect(
    images: readonly Image[],
    { resizeBackend, ...thresholds }: DetectionSettings,
  ): Promise<Detections[]> {
    const contained = images.map((img) => this.contain(img, resizeBackend));
    const x = contained.map(({ img }) => img);
    const outputs = await readAll(this.evaluating(() => this.call(stack(x))));
    return images.map(({ shape }, i) => {
      const [loc, obj, conf] = outputs.map((values) => nthPart(values, i, images.length));
      const found = this.decode(loc!, obj!, conf!, thresholds);
      const { scaledSize } = contained[i]!.param;
      // From the middle of the input to the middle of the image.
      const place = (value: number, k: number) =>
        ((value - this.insize / 2) * shape[k % 2]!) / scaledSize[k % 2]! + shape[k % 2]! / 2;
      return { ...found, bbox: found.bbox.map(place) };
    });
  }

  /**
   * The detections in the outputs for one image, in pixels of the input. Scores are what is there times what it is, where softmax
   * subtracts the largest output, so that large ones do not overflow as they do in ChainerCV.
   * @param loc K * 4, obj K, conf K * nFgClass values.
   */
  decode(
    loc: Float32Array,
    obj: Float32Array,
    conf: Float32Array,
    { nmsThresh, scoreThresh }: Thresholds = this,
  ): Detections {
    const { nFgClass } = this;
    // Scores are float32, and so is the threshold they are compared with.
    const thresh = Math.fround(scoreThresh);
    const candidates = noCandidates(nFgClass);
    for (let k = 0; k < obj.length; k++) {
      const sure = sigmoid(obj[k]!);
      if (sure < thresh) continue;
      const probabilities = this.probabilities(conf.subarray(k * nFgClass, (k + 1) * nFgClass));
      for (let l = 0; l < nFgClass; l++) {
        const score = Math.fround(sure * probabilities[l]!);
        if (score < thresh) continue;
        candidates[l]!.rows.push(k);
        candidates[l]!.scores.push(score);
      }
    }
    return bestOf(candidates, (rows) => this.boxes(loc, rows), nmsThresh);
  }

  private probabilities(conf: Float32Array): Float64Array {
    if (this.scoreFunction === 'sigmoid') return Float64Array.from(conf, sigmoid);
    const largest = Math.max(...conf);
    const exponential = Float64Array.from(conf, (value) => Math.exp(value - largest));
    const sum = exponential.reduce((a, b) => a + b, 0);
    return exponential.map((value) => value / sum);
  }

  /** The corners of the boxes in some rows. */
  private boxes(loc: Float32Array, rows: readonly number[]): NumberList {
    const { defaultBbox: d, step, anchorUnit } = this;
    return rows.flatMap((row) => {
      const unit = anchorUnit === 'cell' ? step[row]! : 1;
      const axes = [0, 1].map((axis) => {
        const at = 4 * row + axis;
        const middle = (d[at]! + sigmoid(loc[at]!)) * step[row]!;
        const half = (d[at + 2]! * Math.exp(loc[at + 2]!) * unit) / 2;
        return [middle - half, middle + half] as const;
      });
      return [axes[0]![0], axes[1]![0], axes[0]![1], axes[1]![1]];
    });
  }
}
