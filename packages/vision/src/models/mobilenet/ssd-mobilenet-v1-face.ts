import { type NamedArray, StructureMismatchError, transferParams } from '@chaingrad/core';
import { loadTfjsWeights } from '@chaingrad/weights';
import type { Image, ImageSource } from '../../image/index.ts';
import { paste } from '../../transforms/image/paste.ts';
import { resize } from '../../transforms/index.ts';
import { toSymmetricRange } from '../batch.ts';
import type { Predictions, PredictOptions } from '../detection-link.ts';
import { Multibox } from '../ssd/multibox.ts';
import { SSD } from '../ssd/ssd.ts';
import { tensorflowCells, tensorflowCoder } from './default-boxes.ts';
import { MobileNetV1Extractor512 } from './extractor-v1.ts';
import { permute } from './permute.ts';

/** The network has a second foreground class, which no face belongs to. */
const CLASSES = 3;
const FACE = 0;

/**
 * A face detector: MobileNetV1 with its batch normalization, six feature maps, scores by sigmoid.
 *
 * The weights are those of npm's @vladmandic/face-api, and the defaults too. Images are padded with black at the bottom and
 * right to a square, so that faces keep their aspect; the input is 512 x 512, RGB scaled to -1..1. Boxes lie where the network
 * puts them: face-api.js moves them by up to a thousandth, as it takes the sides of the resized photo for whole pixels.
 */
export class SSDMobileNetV1Face extends SSD<MobileNetV1Extractor512> {
  readonly labelNames: readonly string[] = ['face'];

  constructor() {
    const extractor = new MobileNetV1Extractor512();
    super(extractor, new Multibox(CLASSES, tensorflowCells, { ksize: 1, pad: 0 }), {
      coder: tensorflowCoder(extractor.grids, 'second'),
      scoreFunction: 'sigmoid',
      resizeBackend: 'tf',
    });
    this.scoreThresh = 0.5;
    this.nmsThresh = 0.5;
  }

  /**
   * @param source path or address of `ssd_mobilenetv1_model-weights_manifest.json` (npm: @vladmandic/face-api 1.7.15, folder
   *   `model`), with the `.bin` file beside it.
   * @throws FormatError, SourceError, DownloadError; StructureMismatchError when the file is another model's.
   */
  static async fromPretrained(source: string | URL): Promise<SSDMobileNetV1Face> {
    const model = new SSDMobileNetV1Face();
    transferParams(named(await loadTfjsWeights(source)), model, { onMismatch: 'throw' });
    return model;
  }

  override prepare(img: Image, resizeBackend = this.resizeBackend): Image<Float32Array> {
    const side = Math.max(img.shape[0], img.shape[1]);
    const square = paste(img, [side, side], [0, 0], 0);
    const { data, shape } = resize(square, [this.insize, this.insize], { backend: resizeBackend });
    return { data: toSymmetricRange(data), shape };
  }

  /** Default boxes are fractions of the padded square. */
  override boxScale([height, width]: readonly [height: number, width: number]): [y: number, x: number] {
    const side = Math.max(height, width);
    return [side, side];
  }

  /** Finds faces; every label is 0. */
  override async predict(imgs: readonly ImageSource[], options?: PredictOptions): Promise<Predictions> {
    const { bboxes, labels, scores } = await super.predict(imgs, options);
    const keep = labels.map((label) => label.map((_, i) => i).filter((i) => label[i] === FACE));
    return {
      bboxes: bboxes.map((bbox, n) => bbox.filter((_, i) => labels[n]![Math.floor(i / 4)] === FACE)),
      labels: labels.map((label) => label.filter((l) => l === FACE)),
      scores: scores.map((score, n) => Float32Array.from(keep[n]!, (i) => score[i]!)),
    };
  }
}

/** Our path for each name of the file; graph constants have none. */
function pathOf(name: string): string | null {
  const block = /^MobilenetV1\/Conv2d_(\d+)_(depthwise|pointwise)\/(.+)$/.exec(name);
  if (block) {
    const [, number, part, rest] = block as unknown as [string, string, string, string];
    const n = Number(number);
    if (n === 0) return rest === 'weights' ? 'extractor/conv0/W' : 'extractor/conv0/b';
    const link = `extractor/blocks/${n - 1}`;
    if (part === 'pointwise') return `${link}/pw/${rest === 'weights' ? 'W' : 'b'}`;
    const own: Record<string, string> = {
      depthwise_weights: 'dw/W',
      'BatchNorm/gamma': 'bn/gamma',
      'BatchNorm/beta': 'bn/beta',
      'BatchNorm/moving_mean': 'bn/avg_mean',
      'BatchNorm/moving_variance': 'bn/avg_var',
    };
    return `${link}/${own[rest]}`;
  }
  const extra = /^Prediction\/Conv2d_(\d+)_pointwise\/(.+)$/.exec(name);
  if (extra) {
    const n = Number(extra[1]);
    return `extractor/extras/${n >> 1}/conv${1 + (n % 2)}/${extra[2] === 'weights' ? 'W' : 'b'}`;
  }
  const head = /^Prediction\/BoxPredictor_(\d)\/(BoxEncoding|Class)Predictor\/(weights|biases)$/.exec(name);
  if (!head) return null;
  return `multibox/${head[2] === 'Class' ? 'conf' : 'loc'}/${head[1]}/${head[3] === 'weights' ? 'W' : 'b'}`;
}

function named(source: ReadonlyMap<string, NamedArray>): Map<string, NamedArray> {
  const arrays = new Map<string, NamedArray>();
  for (const [name, array] of source) {
    const path = pathOf(name);
    if (path === null) continue;
    if (array.dtype !== 'float32') {
      throw new StructureMismatchError(`/${path}`, `'${name}' must hold floats, got ${array.dtype}.`);
    }
    if (array.shape.length !== 4) arrays.set(path, array);
    // (kh, kw, in, out) to (out, in, kh, kw); depthwise (kh, kw, channels, 1) to (channels, 1, kh, kw).
    else arrays.set(path, permute(array, path.endsWith('/dw/W') ? [2, 3, 0, 1] : [3, 2, 0, 1]));
  }
  // The file has no counter of batches; running statistics are final.
  for (let i = 0; i < 13; i++) {
    arrays.set(`extractor/blocks/${i}/bn/N`, { shape: [], dtype: 'int32', data: new Int32Array([0]) });
  }
  return arrays;
}
