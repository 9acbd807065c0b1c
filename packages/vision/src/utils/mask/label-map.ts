import { MaskFormatError } from '../../errors.ts';

/** The class of every pixel, row by row; a negative one is ignored. */
export interface LabelMap {
  readonly data: Int32Array;
  readonly shape: readonly [height: number, width: number];
}

/** The shape of a label map. @throws MaskFormatError unless it has as many values. */
export function checkLabelMap(where: string, { data, shape }: LabelMap): LabelMap['shape'] {
  if (!Array.isArray(shape) || shape.length !== 2)
    throw new MaskFormatError(where, 'a shape [height, width]', JSON.stringify(shape) ?? 'undefined');
  const size = shape[0] * shape[1];
  if (data.length !== size)
    throw new MaskFormatError(where, `${size} classes for the shape [${shape}]`, `${data.length}`);
  return shape;
}
