/** How good a detector is on labelled images. */
import {
  bboxIou,
  type CenterNet,
  cropBbox,
  type DetectionDataset,
  evalDetectionCoco,
  evalDetectionVoc,
  type SSD,
  tileShare,
} from '@chaingrad/vision';
import { type ApReport, apReport } from './average-precision.ts';

/** A detection counts as found or as wrong, and is drawn, from this score. */
export const SURE = 0.5;
/** IoU from which a detection is of an object. */
const IOU = 0.5;
/** Images of one forward pass. */
const BATCH = 4;
/** Images that are named as the worst. */
const WORST = 12;
/** Pixels that a test needs are kept up to so many bytes; more images are decoded again. */
const KEPT_BYTES = 256e6;
/** Images are kept this many times as large as the network sees them: parts of them are enlarged. */
const KEPT_SIZE = 1.6;

/** What was found in an image, clipped to it. */
interface Boxes {
  readonly bbox: Float32Array;
  readonly label: Int32Array;
}

export interface Measurement extends ApReport {
  /** COCO's figures: the mean over IoU 0.5 to 0.95, and at 0.75. */
  readonly coco: { readonly ap: number | null; readonly ap75: number | null };
  /** Of the sure detections. A row for each true class and one for nothing, a column for each found class and one for missed ones. */
  readonly confusion: {
    readonly classes: readonly string[];
    readonly counts: readonly (readonly number[])[];
  };
  /** Images with the most objects missed, taken for others, or found where there are none, by their place in the dataset. */
  readonly worst: readonly { readonly file: string; readonly errors: number }[];
}

/** How images are kept for a network, in pixels and in bytes. */
export const preloadFor = (
  { insize, tiles: own = 1 }: Pick<SSD, 'insize'> & Partial<Pick<SSD, 'tiles'>>,
  tiles = own,
): { maxSide: number; maxBytes: number } => ({
  maxSide: Math.round((insize / tileShare(tiles)) * KEPT_SIZE),
  maxBytes: KEPT_BYTES,
});

/** Finds what is in every image and compares. Memory does not grow with the number of images, but for the boxes. */
export async function measure(
  model: Pick<SSD, 'predict'> | Pick<CenterNet, 'predict'>,
  dataset: DetectionDataset,
  labelNames: readonly string[],
  signal: AbortSignal | null = null,
): Promise<Measurement> {
  const found = { bboxes: [] as Float32Array[], labels: [] as Int32Array[], scores: [] as Float32Array[] };
  const truth = {
    bboxes: [] as Float32Array[],
    labels: [] as Int32Array[],
    difficults: [] as Uint8Array[],
  };
  const size = labelNames.length + 1;
  const counts = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  const errors: { file: string; errors: number }[] = [];
  for (let begin = 0; begin < dataset.length; begin += BATCH) {
    signal?.throwIfAborted();
    const batch = await Promise.all(
      Array.from({ length: Math.min(BATCH, dataset.length - begin) }, (_, i) => dataset.get(begin + i)),
    );
    const predictions = await model.predict(
      batch.map(({ img }) => img),
      { scoreThresh: 0.01 },
    );
    batch.forEach(({ img, bbox, label, difficult }, n) => {
      const { bbox: clipped, index } = clip(predictions.bboxes[n]!, img.shape);
      const labels = index.map((i) => predictions.labels[n]![i]!);
      const scores = Float32Array.from(index, (i) => predictions.scores[n]![i]!);
      found.bboxes.push(clipped);
      found.labels.push(labels);
      found.scores.push(scores);
      truth.bboxes.push(bbox);
      truth.labels.push(label);
      truth.difficults.push(difficult);
      const sure = [...scores.keys()]
        .filter((i) => scores[i]! >= SURE)
        .sort((a, b) => scores[b]! - scores[a]!);
      const pairs = matches(
        {
          bbox: Float32Array.from(sure.flatMap((i) => [...clipped.subarray(4 * i, 4 * i + 4)])),
          label: Int32Array.from(sure, (i) => labels[i]!),
        },
        { bbox, label },
        difficult,
      );
      for (const [t, f] of pairs) counts[t ?? size - 1]![f ?? size - 1]! += 1;
      errors.push({
        file: dataset.records[begin + n]!.file,
        errors: pairs.filter(([t, f]) => t !== f).length,
      });
    });
  }
  const voc = evalDetectionVoc(
    found.bboxes,
    found.labels,
    found.scores,
    truth.bboxes,
    truth.labels,
    truth.difficults,
  );
  const coco = evalDetectionCoco(found.bboxes, found.labels, found.scores, truth.bboxes, truth.labels, {
    gtCrowdeds: truth.difficults,
  });
  const known = (value: number) => (Number.isNaN(value) ? null : value);
  return {
    ...apReport(voc, labelNames, dataset.length),
    coco: { ap: known(coco.ap.mean), ap75: known(coco.ap75.mean) },
    confusion: { classes: labelNames, counts },
    worst: errors
      .filter((entry) => entry.errors > 0)
      .sort((a, b) => b.errors - a.errors)
      .slice(0, WORST),
  };
}

/** Boxes cut to the image, without those outside it. */
export const clip = (bbox: Float32Array, [height, width]: readonly number[]) =>
  cropBbox(bbox, { ySlice: [0, height!], xSlice: [0, width!] });

/** True and found class of each object and each detection, undefined on the side where there is none. Difficult objects do not count. */
function matches(
  found: Boxes,
  truth: Boxes,
  difficult: Uint8Array,
): [truth: number | undefined, found: number | undefined][] {
  const iou = bboxIou(found.bbox, truth.bbox);
  const count = truth.label.length;
  const taken = new Set<number>();
  const pairs: [number | undefined, number | undefined][] = [];
  found.label.forEach((label, i) => {
    const fits = [...truth.label.keys()].filter((j) => iou[i * count + j]! >= IOU);
    const free = fits.filter((j) => !taken.has(j));
    // Of two things at one place the one of the same class.
    const [best] = free.sort(
      (a, b) =>
        Number(truth.label[b] === label) - Number(truth.label[a] === label) ||
        iou[i * count + b]! - iou[i * count + a]!,
    );
    if (best === undefined) {
      if (!fits.some((j) => difficult[j] === 1)) pairs.push([undefined, label]);
      return;
    }
    taken.add(best);
    if (difficult[best] !== 1) pairs.push([truth.label[best], label]);
  });
  truth.label.forEach((label, j) => {
    if (!taken.has(j) && difficult[j] !== 1) pairs.push([label, undefined]);
  });
  return pairs;
}
