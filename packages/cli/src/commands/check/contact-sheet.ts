/** Labelled images side by side, to look at. */
import type { DetectionExample, Image } from '@chaingrad/vision';
import { drawDetections } from '../../draw.ts';

const COLUMNS = 5;
const GAP = 8;

/** @param side the longest side of an image, pixels. */
export function contactSheet(
  examples: readonly Pick<DetectionExample, 'img' | 'bbox' | 'label'>[],
  labelNames: readonly string[],
  side: number,
): Image<Uint8ClampedArray> {
  const columns = Math.min(COLUMNS, examples.length);
  const cell = side + GAP;
  const width = columns * cell + GAP;
  const height = Math.ceil(examples.length / columns) * cell + GAP;
  const data = new Uint8ClampedArray(height * width * 4).fill(255);
  examples.forEach(({ img, bbox, label }, i) => {
    const drawn = drawDetections(img, { bboxes: bbox, labels: label, scores: null }, labelNames);
    const [rows, columnsOf] = drawn.shape;
    const top = GAP + Math.floor(i / columns) * cell;
    const left = GAP + (i % columns) * cell;
    for (let y = 0; y < rows; y++) {
      data.set(
        drawn.data.subarray(y * columnsOf * 4, (y + 1) * columnsOf * 4),
        ((top + y) * width + left) * 4,
      );
    }
  });
  return { data, shape: [height, width, 4] };
}
