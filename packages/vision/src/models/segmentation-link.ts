/** What the networks that give every pixel a class have in common. */
import { yieldToEventLoop } from '@chaingrad/core';
import { type Image, type ImageSource, toImage } from '../image/index.ts';
import type { LabelMap } from '../utils/mask/label-map.ts';

/** What gives every pixel a class: `predict` takes images of any sizes. */
export interface SegmentationLink {
  predict(imgs: readonly ImageSource[]): Promise<LabelMap[]>;
}

/** The class of each pixel by its largest score, the first of equal ones. */
export function labelMapOf({ data, shape: [height, width, nClass] }: Image<Float32Array>): LabelMap {
  const label = new Int32Array(height * width);
  for (let i = 0, at = 0; i < label.length; i++, at += nClass) {
    let best = 0;
    for (let c = 1; c < nClass; c++) if (data[at + c]! > data[at + best]!) best = c;
    label[i] = best;
  }
  return { data: label, shape: [height, width] };
}

/** The classes of the pixels of images, one after the other. @param scoresOf (H, W, nClass) scores of one image. */
export async function segmentEach(
  imgs: readonly ImageSource[],
  scoresOf: (img: Image) => Promise<Image<Float32Array>>,
): Promise<LabelMap[]> {
  const found: LabelMap[] = [];
  for (const img of imgs) {
    const image = await toImage(img);
    await yieldToEventLoop();
    found.push(labelMapOf(await scoresOf(image)));
  }
  return found;
}
