/** An image with the true boxes, and beside it the same one with those that were found. */
import type { DetectionExample, Image } from '@chaingrad/vision';
import type { Found } from './detector.ts';
import { drawDetections } from './draw.ts';

const GAP = 8;

/** Truth on the left, detections on the right, a white gap between them. */
export function drawComparison(
  { img, bbox, label }: Pick<DetectionExample, 'img' | 'bbox' | 'label'>,
  found: Found,
  labelNames: readonly string[],
): Image<Uint8ClampedArray> {
  const [height, width] = img.shape;
  const sides = [
    drawDetections(img, { bboxes: bbox, labels: label, scores: null }, labelNames),
    drawDetections(img, found, labelNames),
  ];
  const outWidth = 2 * width + GAP;
  const data = new Uint8ClampedArray(outWidth * height * 4).fill(255);
  sides.forEach((side, i) => {
    const offset = i * (width + GAP);
    for (let y = 0; y < height; y++) {
      data.set(side.data.subarray(y * width * 4, (y + 1) * width * 4), (y * outWidth + offset) * 4);
    }
  });
  return { data, shape: [height, outWidth, 4] };
}
