import { checkOptions, defaultRandom, type Random } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import type { DetectionExample } from '../../datasets/index.ts';
import { stack } from '../batch.ts';
import type { SSD } from './ssd.ts';

export interface WarmStartOptions {
  /** Boxes of each class that are looked at. Default 24. */
  readonly boxes?: number;
  /** A class that answers less on its boxes, from 0 to 1, is not taken: the head begins small and random. Default 0.01. */
  readonly minScore?: number;
  /** For the noise. Default the default generator. */
  readonly rng?: Random;
}

/** From what the head of a new class begins. */
export interface WarmStart {
  /** The new class. */
  readonly label: number;
  /** The class of the source; null where none answers. */
  readonly from: number | null;
  /** The mean of its scores on the boxes of the new class; 0 where there were none. */
  readonly score: number;
}

/** IoU from which a default box is asked about an object; beside them the best one is. */
const ASKED_IOU = 0.35;
/** Standard deviation of what tells apart new classes that begin alike, and of heads that begin from nothing. */
const NOISE = 0.01;

/**
 * Lets the class heads of a detector begin from those of another one with other classes: each new class from the class that
 * answers most where its objects are. A raccoon is first taken for a dog, and few pictures then teach the difference.
 *
 * The background of a source with sigmoid scores begins as 0, so that a softmax gives the same scores: softmax([0, z])[1] =
 * sigmoid(z). New classes that begin from the same one share its score, and a little noise tells them apart. Everything but the
 * class heads is left alone: `transferParams` copies it.
 *
 * ```ts
 * transferParams(source, model, { ignore: /^\/multibox\/conf\// });
 * const starts = await warmStartHeads(source, model, trainset);
 * ```
 *
 * @param source its heads are read, and its answers asked for.
 * @param model with softmax scores, and as many default boxes a cell as `source`.
 * @param dataset examples of the new classes; read until there are enough.
 * @returns one entry a new class; null where the heads of the two models do not fit, and nothing was changed.
 */
export async function warmStartHeads(
  source: SSD,
  model: SSD,
  dataset: { readonly length: number; get(i: number): DetectionExample | Promise<DetectionExample> },
  options: WarmStartOptions = {},
): Promise<WarmStart[] | null> {
  const {
    boxes = 24,
    minScore = 0.01,
    rng = defaultRandom(),
  } = checkOptions('warmStartHeads', options, { boxes: 'number', minScore: 'number', rng: 'object' });
  const [old, own] = [source.multibox, model.multibox];
  const heads = [...own.conf].map((head, m) => ({ from: old.conf.at(m), to: head }));
  const fit =
    old.conf.length === own.conf.length &&
    heads.every(({ from, to }) => {
      const [a, b] = [from.W.shape!, to.W.shape!];
      return a[0]! / old.nClass === b[0]! / own.nClass && a.slice(1).join() === b.slice(1).join();
    });
  if (!fit || model.scoreFunction !== 'softmax') return null;
  const answers = await meanAnswers(source, dataset, model.nFgClass, boxes);
  const starts = answers.map((scores, label): WarmStart => {
    const from = scores.indexOf(Math.max(...scores));
    const score = scores[from]!;
    return score >= minScore ? { label, from, score } : { label, from: null, score };
  });
  // Rows of the old heads that the new ones take, and what their biases lose as others take them too.
  const rows = [
    { row: source.scoreFunction === 'softmax' ? 0 : null, noise: 0, shift: 0 },
    ...starts.map(({ from }) => {
      const sharing = from === null ? 1 : starts.filter((start) => start.from === from).length;
      return {
        row: from === null ? null : from + 1,
        noise: from === null || sharing > 1 ? NOISE : 0,
        shift: -Math.log(sharing),
      };
    }),
  ];
  for (const { from, to } of heads) {
    for (const name of ['W', 'b'] as const) {
      const [values, shape] = [await from[name]!.array!.data(), to[name]!.shape!];
      const size = values.length / from.b!.shape![0]!;
      const out = new Float32Array(shape.reduce((a, b) => a * b, 1));
      for (let o = 0; o < out.length / size; o++) {
        const { row, noise, shift } = rows[o % own.nClass]!;
        const begin = (Math.floor(o / own.nClass) * old.nClass + (row ?? 0)) * size;
        for (let i = 0; i < size; i++) {
          const value = row === null ? 0 : values[begin + i]!;
          out[o * size + i] = name === 'b' ? value + shift : value + noise * rng.normal();
        }
      }
      to[name]!.adopt(tf.tensor(out, [...shape]));
    }
  }
  return starts;
}

/** What each old class answers where the objects of each new one are: the best of the default boxes there, the mean of the objects. */
async function meanAnswers(
  source: SSD,
  dataset: Parameters<typeof warmStartHeads>[2],
  nFgClass: number,
  most: number,
): Promise<number[][]> {
  const { nGivenClass, coder, scoreFunction } = source;
  const { nClass } = source.multibox;
  const sums = Array.from({ length: nFgClass }, () => new Array<number>(nGivenClass).fill(0));
  const counts = new Array<number>(nFgClass).fill(0);
  for (let i = 0; i < dataset.length && counts.some((count) => count < most); i++) {
    const { img, bbox, label, difficult } = await dataset.get(i);
    const asked = [...label.keys()].filter((j) => difficult[j] !== 1 && counts[label[j]!]! < most);
    if (asked.length === 0) continue;
    const scale = source.boxScale([img.shape[0], img.shape[1]]);
    const units = asked.flatMap((j) => [0, 1, 2, 3].map((k) => bbox[4 * j + k]! / scale[k % 2]!));
    const { mbLabel } = coder.encode(units, [...asked.keys()], ASKED_IOU);
    const tensors = source.evaluating(() => source.call(stack([source.prepare(img)])));
    const confs = await tensors[1].data<'float32'>();
    tf.dispose(tensors);
    const best = asked.map(() => new Array<number>(nGivenClass).fill(0));
    mbLabel.forEach((object, k) => {
      if (object === 0) return;
      const row = confs.subarray(k * nClass, (k + 1) * nClass);
      const top = Math.max(...row);
      const sum = row.reduce((total, z) => total + Math.exp(z - top), 0);
      const scores = best[object - 1]!;
      for (let c = 0; c < nGivenClass; c++) {
        const z = row[c + 1]!;
        const score = scoreFunction === 'sigmoid' ? 1 / (1 + Math.exp(-z)) : Math.exp(z - top) / sum;
        scores[c] = Math.max(scores[c]!, score);
      }
    });
    asked.forEach((j, a) => {
      counts[label[j]!]! += 1;
      best[a]!.forEach((score, c) => {
        sums[label[j]!]![c]! += score;
      });
    });
  }
  return sums.map((scores, label) => scores.map((sum) => sum / Math.max(1, counts[label]!)));
}
