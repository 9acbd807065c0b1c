/** What the models here learn from: Fashion-MNIST, or numbers that are drawn. */
import { parseArgs } from 'node:util';
import { Random, type Tensor1D, type Tensor4D, tensor1d, tensor4d } from '@chaingrad/core';
import { openFashionMnist } from '@chaingrad/vision';

/** How many steps a program takes: `--steps 40`. */
export function stepsOf(usual: number): number {
  const { values } = parseArgs({ options: { steps: { type: 'string' } } });
  return values.steps === undefined ? usual : Number(values.steps);
}

/** Where all programs draw their batches from. */
export const rng = new Random(0);

export interface Pictures {
  /** 28 x 28 bytes each, 0..255. */
  readonly images: Uint8Array;
  readonly labels: Int32Array;
}

/**
 * The first pictures of Fashion-MNIST (apt-get install dataset-fashion-mnist).
 * @param wanted the classes; default all ten.
 */
export async function fashion(
  split: 'train' | 'test',
  count: number,
  wanted?: readonly number[],
): Promise<Pictures> {
  const { images, labels } = await openFashionMnist(split);
  const all = Array.from(labels.keys());
  const taken = all.filter((i) => wanted?.includes(labels[i]!) ?? true).slice(0, count);
  const chosen = new Uint8Array(taken.length * 784);
  for (const [i, from] of taken.entries()) chosen.set(images.subarray(from * 784, (from + 1) * 784), i * 784);
  return { images: chosen, labels: Int32Array.from(taken, (i) => labels[i]!) };
}

/** Some of them as tensors, the pixels as 0..1. */
export function batch({ images, labels }: Pictures, chosen: readonly number[]): { x: Tensor4D; t: Tensor1D } {
  const x = new Float32Array(chosen.length * 784);
  for (const [i, from] of chosen.entries()) {
    for (let p = 0; p < 784; p++) x[i * 784 + p] = images[from * 784 + p]! / 255;
  }
  return {
    x: tensor4d(x, [chosen.length, 28, 28, 1]),
    t: tensor1d(
      chosen.map((i) => labels[i]!),
      'int32',
    ),
  };
}

/** A batch of random ones. */
export const draw = (pictures: Pictures, size: number): { x: Tensor4D; t: Tensor1D } =>
  batch(
    pictures,
    Array.from({ length: size }, () => rng.integer(pictures.labels.length)),
  );

/** All of them. */
export const whole = (pictures: Pictures): { x: Tensor4D; t: Tensor1D } =>
  batch(pictures, [...pictures.labels.keys()]);
