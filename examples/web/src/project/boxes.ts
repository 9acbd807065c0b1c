/** Geometry of the editor: which box or handle is at a point, and where a box is after it was moved. */
import type { Box } from './project.ts';

export type Point = readonly [y: number, x: number];
export type Size = readonly [height: number, width: number];

/** A corner or an edge: -1 is top or left, 1 bottom or right, 0 neither. */
export type Handle = readonly [y: -1 | 0 | 1, x: -1 | 0 | 1];

export const handles: readonly Handle[] = [
  [-1, -1],
  [-1, 1],
  [1, -1],
  [1, 1],
  [-1, 0],
  [0, -1],
  [0, 1],
  [1, 0],
];

/** Smaller boxes are slips of the pointer. */
export const SMALLEST = 4;

const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value));

export const handlePlace = ([top, left, bottom, right]: Box, [y, x]: Handle): Point => [
  y === 0 ? (top + bottom) / 2 : y < 0 ? top : bottom,
  x === 0 ? (left + right) / 2 : x < 0 ? left : right,
];

export const handleAt = (box: Box, [y, x]: Point, radius: number): Handle | null =>
  handles.find((handle) => {
    const [v, u] = handlePlace(box, handle);
    return Math.abs(v - y) <= radius && Math.abs(u - x) <= radius;
  }) ?? null;

const area = ([top, left, bottom, right]: Box) => (bottom - top) * (right - left);

/** The smallest box around a point, so that one inside another can be reached; -1 where there is none. */
export function boxAt(boxes: readonly { readonly box: Box }[], [y, x]: Point, slack: number): number {
  let found = -1;
  boxes.forEach(({ box }, i) => {
    const [top, left, bottom, right] = box;
    const inside = y >= top - slack && y <= bottom + slack && x >= left - slack && x <= right + slack;
    if (inside && (found < 0 || area(box) < area(boxes[found]!.box))) found = i;
  });
  return found;
}

/** As large as before, and inside of the picture. */
export function moved([top, left, bottom, right]: Box, dy: number, dx: number, [height, width]: Size): Box {
  const y = clamp(dy, -top, height - bottom);
  const x = clamp(dx, -left, width - right);
  return [top + y, left + x, bottom + y, right + x];
}

/** An edge or corner at another place; it never passes the opposite one. */
export function resized(
  [top, left, bottom, right]: Box,
  [v, u]: Handle,
  [y, x]: Point,
  [height, width]: Size,
): Box {
  return [
    v < 0 ? clamp(y, 0, bottom - SMALLEST) : top,
    u < 0 ? clamp(x, 0, right - SMALLEST) : left,
    v > 0 ? clamp(y, top + SMALLEST, height) : bottom,
    u > 0 ? clamp(x, left + SMALLEST, width) : right,
  ];
}

/** The box between two points in the picture; null where it is too small to be meant. */
export function boxBetween([y0, x0]: Point, [y1, x1]: Point, [height, width]: Size): Box | null {
  const box: Box = [
    clamp(Math.min(y0, y1), 0, height),
    clamp(Math.min(x0, x1), 0, width),
    clamp(Math.max(y0, y1), 0, height),
    clamp(Math.max(x0, x1), 0, width),
  ];
  return box[2] - box[0] >= SMALLEST && box[3] - box[1] >= SMALLEST ? box : null;
}

/** Intersection over union. */
export function iou(a: Box, b: Box): number {
  const height = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const width = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (height <= 0 || width <= 0) return 0;
  return (height * width) / (area(a) + area(b) - height * width);
}
