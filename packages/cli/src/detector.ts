/** A detector with its weights and the names of its classes, as `detect` and others use it. */
import { type CenterNet, type Image, resizeBbox, type SSD, shrink } from '@chaingrad/vision';
import type { NameMapName } from '@chaingrad/weights';
import { CliError } from './errors.ts';
import { preloadFor } from './measure.ts';
import {
  classOf,
  type DetectorEntry,
  detectorNames,
  detectorOfClass,
  detectors,
  openCenterNet,
  type SSDEntry,
} from './models.ts';
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

/** Says where a graph finds other boxes than the model here: ONNX can only drop those that overlap a better one. */
export function tellSuppression(model: object, nmsThresh: number | null, say: Say): void {
  if (!('nms' in model) || model.nms !== 'soft' || nmsThresh === null) return;
  say(
    `ONNX has no soft suppression: the file drops boxes that overlap a better one by ${nmsThresh} or more, as detect --nms-thresh ${nmsThresh} does`,
  );
}

/** What was found in one image, the best first. */
export interface Found {
  /** (n, 4): ymin, xmin, ymax, xmax in pixels of the image. */
  readonly bboxes: Float32Array;
  readonly labels: Int32Array;
  readonly scores: Float32Array;
}

export interface Detector extends Disposable {
  readonly name: keyof typeof detectors;
  readonly model: SSD | CenterNet;
  readonly labelNames: readonly string[];
  predict(img: Image, thresholds: Thresholds): Promise<Found>;
}

/**
 * Opens a detector by name; without one the first, or the one that the weights tell that they are of.
 *
 * @throws CliError when classes, names and weights do not fit each other; the errors of the readers for weights that cannot be read.
 */
export async function openDetector(
  wantedName: keyof typeof detectors | undefined,
  { weights, nFgClass, labelNames, names, say }: DetectorOptions,
): Promise<Detector> {
  if (nFgClass !== undefined && labelNames !== undefined && nFgClass !== labelNames.length) {
    throw new CliError(`--n-fg-class is ${nFgClass}, but --labels has ${labelNames.length} names`);
  }
  const wanted = nFgClass ?? labelNames?.length;
  const { name, model } = await openNamed(wantedName, weights, names, say);
  // A detector may have outputs that are no class of its own: its names count.
  const known = model.labelNames ?? (await ownLabelNames(detectors[name] as SSDEntry, model.nFgClass));
  if (wanted !== undefined && wanted !== known.length) {
    model.dispose();
    throw new CliError(
      `${name} has ${known.length} classes with these weights, but --n-fg-class or --labels says ${wanted}`,
    );
  }
  return {
    name,
    model,
    labelNames: labelNames ?? known,
    async predict(img, { scoreThresh, nmsThresh, tiles }) {
      if (tiles !== undefined && !('tiles' in model))
        throw new CliError(`${name} looks at the whole picture: leave --tiles out, or pass another --model`);
      // As what was learnt: of a large photo every pixel has its share.
      const small = shrink(img, preloadFor(model, tiles).maxSide);
      const thresholds = { scoreThresh, nmsThresh };
      const found = await ('tiles' in model
        ? model.predict([small], { ...thresholds, tiles: tiles ?? model.tiles })
        : model.predict([small], thresholds));
      const bbox = resizeBbox(found.bboxes[0]!, sizeOf(small), sizeOf(img));
      return bestFirst({ bboxes: bbox, labels: found.labels[0]!, scores: found.scores[0]! });
    },
    [Symbol.dispose]: () => model.dispose(),
  };
}

interface Named {
  readonly name: keyof typeof detectors;
  readonly model: SSD | CenterNet;
}

async function openNamed(
  wanted: keyof typeof detectors | undefined,
  weights: string | undefined,
  names: string | undefined,
  say: Say | undefined,
): Promise<Named> {
  const { OtherModelError } = await import('@chaingrad/weights');
  const name = wanted ?? (weights === undefined ? detectorNames[0]! : 'ssd-mobilenet-v2-oid');
  if (weights === undefined && (detectors[name] as SSDEntry).backbone !== undefined)
    throw new CliError(`${name} has no weights of its own: pass --weights FILE`);
  try {
    return { name, model: await openModel(detectors[name], weights, names, say) };
  } catch (error) {
    const other = error instanceof OtherModelError ? detectorOfClass(error.model) : null;
    if (other === null) throw error;
    if (wanted !== undefined)
      throw new CliError(`${weights} is a fine-tuned ${other}: pass --model ${other}`);
    return { name: other, model: await openModel(detectors[other], weights, names, say) };
  }
}

async function openModel(
  entry: DetectorEntry,
  weights: string | undefined,
  names: string | undefined,
  say: Say | undefined,
): Promise<SSD | CenterNet> {
  if (entry.className === 'CenterNet') return openGraph(weights, names, say);
  const { OtherModelError } = await import('@chaingrad/weights');
  const Model = await classOf(entry as SSDEntry);
  try {
    // All must be there and fit: a detector with some layers left random finds anything.
    return await Model.fromPretrained(weights, {
      ...(weights === undefined ? {} : { match: 'exact' }),
      names: names as NameMapName | undefined,
      onProgress: tell(weights ?? entry.className, say),
    });
  } catch (error) {
    if (error instanceof OtherModelError) throw error;
    const what = weights === undefined || names !== undefined ? null : await otherKind(weights);
    throw what === null ? error : new CliError(`${weights} is ${what}`);
  }
}

/** CenterNet: of a graph-model whole, of other files the parameters in the network that it has. */
async function openGraph(
  weights: string | undefined,
  names: string | undefined,
  say: Say | undefined,
): Promise<CenterNet> {
  if (names !== undefined) throw new CliError('--names is for the other detectors: leave it out');
  const isGraph = weights === undefined || /\.json(\?.*)?$/i.test(weights);
  const model = await openCenterNet(isGraph ? weights : undefined, {
    onProgress: tell(weights ?? 'CenterNet', say),
  });
  if (isGraph) return model;
  const { load } = await import('@chaingrad/weights');
  try {
    await load(model, weights, { onProgress: tell(weights, say) });
    return model;
  } catch (error) {
    model.dispose();
    throw error;
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
async function ownLabelNames(entry: SSDEntry, count: number): Promise<readonly string[]> {
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
