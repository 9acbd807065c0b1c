import { checkOptions } from '@chaingrad/core';

export interface AnchorBaseOptions {
  /** Side of the square that scales multiply, in pixels. Default 16. */
  readonly baseSize?: number;
  /** Heights over widths. Default 1/2, 1, 2. */
  readonly ratios?: readonly number[];
  /** Sides in base sizes. Default 8, 16, 32. */
  readonly anchorScales?: readonly number[];
}

export const anchorBaseKinds = { baseSize: 'number', ratios: 'object', anchorScales: 'object' } as const;

/**
 * The anchors of one cell: for each ratio, for each scale a box about the middle of the base square.
 *
 * Chainer counterpart: `chainercv.links.model.faster_rcnn.generate_anchor_base`.
 *
 * @returns R * 4 values, rows of (yMin, xMin, yMax, xMax).
 */
export function generateAnchorBase(options: AnchorBaseOptions = {}): Float32Array {
  const {
    baseSize = 16,
    ratios = [0.5, 1, 2],
    anchorScales = [8, 16, 32],
  } = checkOptions('generateAnchorBase', options, anchorBaseKinds);
  const middle = baseSize / 2;
  const boxes = ratios.flatMap((ratio) =>
    anchorScales.flatMap((scale) => {
      const [h, w] = [ratio, 1 / ratio].map((r) => (baseSize * scale * Math.sqrt(r)) / 2) as [number, number];
      return [middle - h, middle - w, middle + h, middle + w];
    }),
  );
  return Float32Array.from(boxes);
}

/** The anchors of all cells of a feature map: row by row, cell by cell. */
export function shiftedAnchors(
  anchorBase: Float32Array,
  featStride: number,
  [height, width]: readonly [height: number, width: number],
): Float32Array {
  const each = anchorBase.length;
  return Float32Array.from({ length: height * width * each }, (_, i) => {
    const cell = Math.floor(i / each);
    const shift = i % 2 === 0 ? Math.floor(cell / width) : cell % width;
    return anchorBase[i % each]! + shift * featStride;
  });
}
