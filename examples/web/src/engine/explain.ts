/** Why a detector found a thing: parts of the picture are covered, and where its score falls it had looked. */
import { type CenterNet, type Image, resize, type SSD, toImage } from '@chaingrad/vision';
import { iou } from '../project/boxes.ts';
import type { Box } from '../project/project.ts';
import type { Explanation } from '../protocol.ts';

const SIDE = 8;
/** Of the picture's side. */
const PATCH = 1 / 3;
const GREY = 127;

/** Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2013 (occlusion). */
export async function explain(
  model: SSD | CenterNet,
  image: ImageBitmap,
  box: Box,
  label: number,
): Promise<Explanation> {
  const scale = model.insize / Math.max(image.height, image.width);
  const [height, width] = [Math.round(image.height * scale), Math.round(image.width * scale)];
  const target = box.map((value) => value * scale) as unknown as Box;
  const small = resize(await toImage(image), [height, width]);
  const scores = async (images: readonly Image[]): Promise<number[]> => {
    const { bboxes, labels, scores: found } = await model.predict([...images], { scoreThresh: 0.02 });
    return images.map((_, k) =>
      Math.max(
        0,
        ...Array.from(found[k]!, (score, i) => {
          const other = [...bboxes[k]!.subarray(4 * i, 4 * i + 4)] as unknown as Box;
          return labels[k]![i] === label && iou(other, target) > 0.3 ? score : 0;
        }),
      ),
    );
  };
  const [score] = await scores([small]);
  const values = new Float32Array(SIDE * SIDE);
  for (let row = 0; row < SIDE; row++) {
    const images = Array.from({ length: SIDE }, (_, column) =>
      covered(small, ((row + 0.5) / SIDE) * height, ((column + 0.5) / SIDE) * width),
    );
    const lost = (await scores(images)).map((each) => Math.max(0, score! - each));
    values.set(lost, row * SIDE);
  }
  return { values, side: SIDE, score: score! };
}

function covered({ data, shape }: Image, y: number, x: number): Image {
  const copy = data.slice();
  const [height, width] = shape;
  const [halfHeight, halfWidth] = [(height * PATCH) / 2, (width * PATCH) / 2];
  const left = Math.max(0, Math.round(x - halfWidth));
  const right = Math.min(width, Math.round(x + halfWidth));
  const bottom = Math.min(height, Math.round(y + halfHeight));
  for (let row = Math.max(0, Math.round(y - halfHeight)); row < bottom; row++)
    copy.fill(GREY, (row * width + left) * 3, (row * width + right) * 3);
  return { data: copy, shape };
}
