/** What detectors of two stages have in common as ONNX graphs. */
import type { GraphPort } from '@chaingrad/onnx';
import type { Thresholds } from '../detector.ts';
import type { Sketch } from './sketch.ts';

/** The input of a network by itself: a prepared picture of any size. */
export const preparedPort = (name: string): GraphPort => ({
  name,
  shape: [1, 3, 'height', 'width'],
  dtype: 'float32',
});

/**
 * The anchors of a map (1, C, H, W): row by row, cell by cell, (1, K, 4).
 * @param base the anchors of a cell, A * 4 values. @param stride pixels of the input in one of the map.
 * @param offset of the middle of the anchors in a cell.
 */
export function anchorsOf(s: Sketch, map: string, base: Float32Array, stride: number, offset = 0): string {
  const along = (axis: 2 | 3, shape: readonly number[], columns: readonly number[]) => {
    const count = s.squeeze(s.lengths(map, axis, axis + 1), 0);
    const number = (value: number) => s.graph.scalar(value, 'int64');
    const cells = s.cast(s.one('Range', [number(0), count, number(1)]), 'float32');
    return s.mul(s.reshape(s.mul(s.add(cells, offset), stride), ...shape), s.row(columns));
  };
  const corners = s.add(along(2, [-1, 1, 1, 1], [1, 0, 1, 0]), along(3, [1, -1, 1, 1], [0, 1, 0, 1]));
  return s.reshape(s.add(corners, s.graph.floats(base, [base.length / 4, 4])), 1, -1, 4);
}

/** Twice a list of two numbers: [height, width] as the limits of boxes. */
export const limits = (s: Sketch, size: string): string => s.join([size, size], 0);

/** Boxes (..., 4) of regions by columns (xMin, yMin, xMax, yMax), as ONNX' operators want them. */
export const byColumns = (s: Sketch, rois: string): string => s.take(rois, 1, [1, 0, 3, 2]);

/**
 * What is left when of overlapping boxes of a class the best is kept, where each class has boxes of its own.
 * @param boxes (R, nClass, 4), of which class 0 is the background. @param classes (R, nClass) before softmax.
 * @param above scores that count are larger.
 * @returns boxes (D, 4), labels (D) int64, scores (D).
 */
export function bestOfClasses(
  s: Sketch,
  boxes: string,
  classes: string,
  nClass: number,
  { nmsThresh, above }: { readonly nmsThresh: Thresholds['nmsThresh']; readonly above: number },
): { boxes: string; labels: string; scores: string } {
  const own = s.transpose(s.slice(boxes, 1, 1, nClass), 1, 0, 2);
  const scores = s.transpose(s.slice(s.one('Softmax', [classes], { axis: 1 }), 1, 1, nClass), 1, 0);
  // A class stands for a picture of a batch.
  const found = s.suppress(own, s.unsqueeze(scores, 1), nmsThresh, above);
  const places = s.take(found, 1, [0, 2]);
  return {
    boxes: s.one('GatherND', [own, places]),
    labels: s.nth(found, 1, 0),
    scores: s.one('GatherND', [scores, places]),
  };
}
