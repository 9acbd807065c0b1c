import { MaskFormatError } from '../../errors.ts';

/** Masks of (R, H, W): 1 where the object is. */
export interface Masks {
  readonly data: Uint8Array;
  readonly shape: readonly [count: number, height: number, width: number];
}

/** The shape of masks. @throws MaskFormatError unless they have as many values. */
export function checkMasks(where: string, { data, shape }: Masks): Masks['shape'] {
  if (!Array.isArray(shape) || shape.length !== 3)
    throw new MaskFormatError(where, 'a shape [count, height, width]', JSON.stringify(shape) ?? 'undefined');
  const size = shape[0] * shape[1] * shape[2];
  if (data.length !== size)
    throw new MaskFormatError(where, `${size} values for the shape [${shape}]`, `${data.length}`);
  return shape;
}

/** @throws MaskFormatError unless both are of images of one size. */
export function checkSameSize(where: string, a: Masks, b: Masks): void {
  const [, height, width] = b.shape;
  if (a.shape[1] !== height || a.shape[2] !== width)
    throw new MaskFormatError(where, `masks of ${height} x ${width}`, `${a.shape[1]} x ${a.shape[2]}`);
}

/** Some of the masks. */
export function takeMasks({ data, shape: [, height, width] }: Masks, rows: readonly number[]): Masks {
  const area = height * width;
  const taken = new Uint8Array(rows.length * area);
  for (const [i, row] of rows.entries()) taken.set(data.subarray(row * area, (row + 1) * area), i * area);
  return { data: taken, shape: [rows.length, height, width] };
}

/** How many pixels each mask has. */
export function areasOf({ data, shape: [count, height, width] }: Masks): Float64Array {
  const area = height * width;
  return Float64Array.from({ length: count }, (_, i) => {
    let sum = 0;
    for (let at = i * area; at < (i + 1) * area; at++) if (data[at] !== 0) sum++;
    return sum;
  });
}

/** How many pixels mask `i` of one and mask `j` of the other have in common. */
export function intersection(a: Masks, i: number, b: Masks, j: number): number {
  const area = a.shape[1] * a.shape[2];
  let sum = 0;
  for (let p = i * area, q = j * area; p < (i + 1) * area; p++, q++)
    if (a.data[p] !== 0 && b.data[q] !== 0) sum++;
  return sum;
}
