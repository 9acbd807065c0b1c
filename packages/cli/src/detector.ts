/** A detector with its weights and the names of its classes, as `detect` and others use it. */
import { type Image, resizeBbox, type SSD, shrink } from '@chaingrad/vision';
import type { NameMapName } from '@chaingrad/weights';
import { CliError } from './errors.ts';
import { preloadFor } from './measure.ts';
import { classOf, type DetectorEntry, detectorOfClass, detectors } from './models.ts';
import { type Say, tell } from './progress.ts';

export interface DetectorOptions {
  /** Path or address of weights to use instead of the model's own. */
  readonly weights?: string | undefined;
  /** Classes of these weights; by default as many as there are names, or as the file has. */
  readonly nFgClass?: number | undefined;
  readonly labelNames?: readonly string[] | undefined;
  /** The map of another framework's names. */
  readonly names?: string | undefined;
  /** Is told what takes long: downloads. */
  readonly say?: Say;
}

export interface Thresholds {
  readonly scoreThresh?: number | undefined;
  readonly nmsThresh?: number | undefined;
  /** Tiles along a side of an image. */
  readonly tiles?: number | undefined;
}

/** What was found in one image, the best first. */
export interface Found {
  /** (n, 4): ymin, xmin, ymax, xmax in pixels of the image. */
  readonly bboxes: Float32Array;
  readonly labels: Int32Array;
  readonly scores: Float32Array;
}

export interface Detector extends Disposable {
  readonly model: SSD;
  readonly labelNames: readonly string[];
  predict(img: Image, thresholds: Thresholds): Promise<Found>;
}

/**
 * Opens a detector by name.
 *
 * @throws CliError when classes, names and weights do not fit each other; the errors of the readers for weights that cannot be read.
 */
export async function openDetector(
  name: keyof typeof detectors,
  { weights, nFgClass, labelNames, names, say }: DetectorOptions,
): Promise<Detector> {
  const entry: DetectorEntry = detectors[name];
  if (nFgClass !== undefined && labelNames !== undefined && nFgClass !== labelNames.length) {
    throw new CliError(`--n-fg-class is ${nFgClass}, but --labels has ${labelNames.length} names`);
  }
  const wanted = nFgClass ?? labelNames?.length;
  const model = await openModel(entry, weights, names, say);
  // A detector may have outputs that are no class of its own: its names count.
  const known = model.labelNames ?? (await ownLabelNames(entry, model.nFgClass));
  if (wanted !== undefined && wanted !== known.length) {
    model.dispose();
    throw new CliError(
      `${name} has ${known.length} classes with these weights, but --n-fg-class or --labels says ${wanted}`,
    );
  }
  return {
    model,
    labelNames: labelNames ?? known,
    async predict(img, { scoreThresh, nmsThresh, tiles = model.tiles }) {
      // As what was learnt: of a large photo every pixel has its share.
      const small = shrink(img, preloadFor(model, tiles).maxSide);
      const found = await model.predict([small], { scoreThresh, nmsThresh, tiles });
      const bbox = resizeBbox(found.bboxes[0]!, sizeOf(small), sizeOf(img));
      return bestFirst({ bboxes: bbox, labels: found.labels[0]!, scores: found.scores[0]! });
    },
    [Symbol.dispose]: () => model.dispose(),
  };
}

async function openModel(
  entry: DetectorEntry,
  weights: string | undefined,
  names: string | undefined,
  say: Say | undefined,
): Promise<SSD> {
  const { OtherModelError } = await import('@chaingrad/weights');
  const Model = await classOf(entry);
  try {
    // All must be there and fit: a detector with some layers left random finds anything.
    return await Model.fromPretrained(weights, {
      ...(weights === undefined ? {} : { match: 'exact' }),
      names: names as NameMapName | undefined,
      onProgress: tell(weights ?? entry.className, say),
    });
  } catch (error) {
    const other = error instanceof OtherModelError ? detectorOfClass(error.model) : null;
    if (other !== null) throw new CliError(`${weights} is a fine-tuned ${other}: pass --model ${other}`);
    const what = weights === undefined || names !== undefined ? null : await otherKind(weights);
    throw what === null ? error : new CliError(`${weights} is ${what}`);
  }
}

/** What a file is that is no file of a detector's weights by our names, and what to do; null where that can't be told. */
async function otherKind(weights: string): Promise<string | null> {
  const { nameMaps, openWeights } = await import('@chaingrad/weights');
  try {
    await using file = await openWeights(weights);
    if (file.keys().some((key) => key.startsWith('updater/'))) {
      return "a snapshot of a training: pass the run's best.npz, or resume the training";
    }
    const writer = {
      pytorch: 'PyTorch',
      hdf5: 'Keras',
      tfjs: 'tfjs',
      tflite: 'TFLite',
      npz: '',
      safetensors: '',
    };
    if (writer[file.format] === '') return null;
    return `a file of ${writer[file.format]}, with other names: pass --names (${Object.keys(nameMaps).join(', ')})`;
  } catch {
    // It cannot be read at all, which the first error says.
    return null;
  }
}

/** Names of as many classes as the class's own weights have are most likely these; of others they are not known. */
async function ownLabelNames(entry: DetectorEntry, count: number): Promise<readonly string[]> {
  const [own] = Object.values((await classOf(entry)).pretrained);
  if (own?.labelNames?.length === count) return own.labelNames;
  return Array.from({ length: count }, (_, i) => `class ${i}`);
}

const sizeOf = ({ shape: [height, width] }: Image) => [height, width] as const;

/** Models give class after class. */
export function bestFirst({ bboxes, labels, scores }: Found): Found {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  return {
    bboxes: Float32Array.from(order.flatMap((i) => [...bboxes.subarray(4 * i, 4 * i + 4)])),
    labels: Int32Array.from(order, (i) => labels[i]!),
    scores: Float32Array.from(order, (i) => scores[i]!),
  };
}
