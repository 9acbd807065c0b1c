import { type NamedArray, transferParams } from '@chaingrad/core';
import {
  type ByteSource,
  readBytes,
  readTflite,
  sourceName,
  type TfliteConvolution,
} from '@chaingrad/weights';
import { VisionOptionError } from '../../errors.ts';
import type { Image } from '../../image/index.ts';
import { resize } from '../../transforms/index.ts';
import { toSymmetricRange } from '../batch.ts';
import { Multibox } from '../ssd/multibox.ts';
import type { ScoreFunction } from '../ssd/multibox-coder.ts';
import { SSD } from '../ssd/ssd.ts';
import { tensorflowCells, tensorflowCoder } from './default-boxes.ts';
import { MobileNetV2Extractor300 } from './extractor-v2.ts';
import { permute } from './permute.ts';

/** Where the parts of `objectron_solution_packed_assets.data` (npm: @mediapipe/objectron 0.4.1675468480) lie, in bytes. */
const PACKED = { labels: [0, 184], model: [184, 9_987_912] } as const;

export interface SSDMobileNetV2Options {
  /** Classes without the background. */
  readonly nFgClass: number;
  /** How class outputs become scores. Default 'sigmoid', as its pretrained heads; new heads may be trained for 'softmax'. */
  readonly scoreFunction?: ScoreFunction;
}

/**
 * A light SSD: MobileNetV2 and six feature maps, scores by sigmoid; 4.95 million parameters for 23 classes.
 *
 * With the weights of MediaPipe Objectron's first stage it detects 23 classes of Open Images V4 (cat, person, chair, ...).
 * Children are `extractor` and `multibox`; the input is 300 x 300, RGB scaled to -1..1.
 */
export class SSDMobileNetV2 extends SSD<MobileNetV2Extractor300> {
  /** Names of the classes, where the weights came with some. */
  labelNames: readonly string[] | null = null;

  /** @throws VisionOptionError without a positive number of classes. */
  constructor({ nFgClass, scoreFunction = 'sigmoid' }: SSDMobileNetV2Options) {
    if (!Number.isInteger(nFgClass) || nFgClass < 1) {
      throw new VisionOptionError('SSDMobileNetV2', 'nFgClass', 'a positive integer', nFgClass);
    }
    const extractor = new MobileNetV2Extractor300();
    super(extractor, new Multibox(nFgClass + 1, tensorflowCells, { ksize: 1, pad: 0 }), {
      coder: tensorflowCoder(extractor.grids, 'last'),
      scoreFunction,
    });
    this.scoreThresh = 0.5;
  }

  /**
   * The detector of 23 Open Images classes, with `labelNames`.
   * @param source the packed assets of npm's @mediapipe/objectron (0.4.1675468480): a path, bytes, or the address of that file
   *   on any npm CDN, of which only the first 9.99 MB are asked for.
   * @throws FormatError when the bytes are something else; DownloadError.
   */
  static async fromPretrained(source: ByteSource): Promise<SSDMobileNetV2> {
    const isAddress = source instanceof URL || (typeof source === 'string' && /^https?:/.test(source));
    const range = { start: 0, end: PACKED.model[1] };
    const bytes = await readBytes(source, isAddress ? { range } : {});
    const labels = new TextDecoder().decode(bytes.subarray(...PACKED.labels)).split('\n');
    const model = readTflite(bytes.subarray(...PACKED.model), sourceName(source));
    const names = labels.map((label) => label.trim()).filter((label) => label !== '');
    const detector = new SSDMobileNetV2({ nFgClass: names.length - 1 });
    transferParams(named(model.convolutions, detector), detector, { onMismatch: 'throw' });
    // The first name stands for the background.
    detector.labelNames = names.slice(1);
    return detector;
  }

  override prepare(img: Image, resizeBackend = this.resizeBackend): Image<Float32Array> {
    const { data, shape } = resize(img, [this.insize, this.insize], { backend: resizeBackend });
    return { data: toSymmetricRange(data), shape };
  }

  /** Default boxes are fractions of the sides. */
  override boxScale([height, width]: readonly [height: number, width: number]): [y: number, x: number] {
    return [height, width];
  }
}

/** The convolutions of the TFLite file under our names: they come in the order in which the model runs them. */
function named(
  convolutions: readonly TfliteConvolution[],
  detector: SSDMobileNetV2,
): Map<string, NamedArray> {
  const paths = executionOrder(detector);
  const arrays = new Map<string, NamedArray>();
  if (paths.length !== convolutions.length) {
    throw new VisionOptionError(
      'SSDMobileNetV2.fromPretrained',
      'source',
      `a model of ${paths.length} convolutions`,
      convolutions.length,
    );
  }
  convolutions.forEach(({ kind, weights, bias }, i) => {
    // (out, kh, kw, in) and (1, kh, kw, channels) to (out, in, kh, kw) and (channels, 1, kh, kw).
    arrays.set(`${paths[i]}/W`, permute(weights, kind === 'conv' ? [0, 3, 1, 2] : [3, 0, 1, 2]));
    if (bias !== null) arrays.set(`${paths[i]}/b`, bias);
  });
  return arrays;
}

function executionOrder({ extractor }: SSDMobileNetV2): string[] {
  const heads = (i: number) => [`multibox/loc/${i}`, `multibox/conf/${i}`];
  const blocks = [...extractor.blocks].flatMap((block, i) => {
    const own = (name: string) => `extractor/blocks/${i}/${name}`;
    return [
      ...(block.expand === null ? [] : [own('expand')]),
      ...(i === 13 ? heads(0) : []),
      own('dw'),
      own('project'),
    ];
  });
  const extras = [...extractor.extras].flatMap((_, i) => [
    `extractor/extras/${i}/conv1`,
    `extractor/extras/${i}/conv2`,
    ...heads(i + 2),
  ]);
  return ['extractor/conv0', ...blocks, 'extractor/conv1', ...heads(1), ...extras];
}
