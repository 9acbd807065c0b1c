/** A detector with its weights and the names of its classes, as `detect` and others use it. */
import type { ArrayFile } from '@chaingrad/core';
import { type Image, readDetectorAbout, type SSD } from '@chaingrad/vision';
import { CliError } from './errors.ts';
import { type DetectorEntry, detectors, type Trained } from './models.ts';
import { classesOf, loadArrays, readWeights, type Say } from './weights.ts';

export interface DetectorOptions {
  /** Path or address of weights to use instead of the model's own. */
  readonly weights?: string | undefined;
  /** Classes of these weights; by default as many as there are names, or as the file has. */
  readonly nFgClass?: number | undefined;
  readonly labelNames?: readonly string[] | undefined;
  /** Is told what takes long: downloads. */
  readonly say?: Say;
}

export interface Thresholds {
  readonly scoreThresh?: number | undefined;
  readonly nmsThresh?: number | undefined;
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
  { weights, nFgClass, labelNames, say }: DetectorOptions,
): Promise<Detector> {
  const entry: DetectorEntry = detectors[name];
  if (nFgClass !== undefined && labelNames !== undefined && nFgClass !== labelNames.length) {
    throw new CliError(`--n-fg-class is ${nFgClass}, but --labels has ${labelNames.length} names`);
  }
  const wanted = nFgClass ?? labelNames?.length;
  const file = weights === undefined ? undefined : await readWeights(weights, say);
  const trained = file?.arrays
    ? await fromArrays(name, file.arrays, wanted)
    : await entry.pretrained(file, say);
  const { model } = trained;
  const classes = trained.labelNames.length;
  if (wanted !== undefined && wanted !== classes) {
    model.dispose();
    throw new CliError(
      `${name} has ${classes} classes with these weights, but --n-fg-class or --labels says ${wanted}`,
    );
  }
  return {
    model,
    labelNames: labelNames ?? trained.labelNames,
    async predict(img, { scoreThresh, nmsThresh }) {
      const { bboxes, labels, scores } = await model.predict([img], { scoreThresh, nmsThresh });
      return bestFirst({ bboxes: bboxes[0]!, labels: labels[0]!, scores: scores[0]! });
    },
    [Symbol.dispose]: () => model.dispose(),
  };
}

/** The model that a fine-tuning saved; else one of as many classes as the file has, or as the user says where it does not tell. */
async function fromArrays(
  name: keyof typeof detectors,
  arrays: ArrayFile,
  wanted: number | undefined,
): Promise<Trained> {
  const entry: DetectorEntry = detectors[name];
  const about = readDetectorAbout(arrays);
  if (about !== null) {
    if (about.model !== name) {
      throw new CliError(`${arrays.file} is a fine-tuned ${about.model}: pass --model ${about.model}`);
    }
    const model = await entry.create({ nFgClass: about.labelNames.length }, about.scoreFunction);
    loadArrays(model, arrays);
    return { model, labelNames: about.labelNames };
  }
  const own = await entry.labelNames();
  // A model without this argument has its classes once and for all.
  const fixed = entry.args['nFgClass'] === undefined;
  const classes = fixed ? own.length : (classesOf(arrays) ?? wanted ?? own.length);
  const model = await entry.create({ nFgClass: classes });
  loadArrays(model, arrays);
  // As many classes as its own weights: most likely the same ones. Of others the names are not known.
  const numbered = () => Array.from({ length: classes }, (_, i) => `class ${i}`);
  return { model, labelNames: classes === own.length ? own : numbered() };
}

/** Models give class after class. */
export function bestFirst({ bboxes, labels, scores }: Found): Found {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  return {
    bboxes: Float32Array.from(order.flatMap((i) => [...bboxes.subarray(4 * i, 4 * i + 4)])),
    labels: Int32Array.from(order, (i) => labels[i]!),
    scores: Float32Array.from(order, (i) => scores[i]!),
  };
}
