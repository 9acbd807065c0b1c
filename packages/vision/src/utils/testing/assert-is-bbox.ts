import { BboxFormatError } from '../../errors.ts';

/**
 * Throws unless something is a `bbox`: a Float32Array of finite rows (yMin, xMin, yMax, xMax) with yMin <= yMax and
 * xMin <= xMax. Chainer counterpart: `chainercv.utils.assert_is_bbox`.
 *
 * @param size [height, width]: the boxes must lie inside it.
 * @throws BboxFormatError that names the row.
 */
export function assertIsBbox(
  bbox: unknown,
  size: readonly [height: number, width: number] | null = null,
): void {
  const wrong = (expected: string, got: string) => new BboxFormatError('assertIsBbox', expected, got);
  if (!(bbox instanceof Float32Array)) {
    throw wrong(
      'a Float32Array',
      bbox === null ? 'null' : typeof bbox === 'object' ? bbox.constructor.name : typeof bbox,
    );
  }
  if (bbox.length % 4 !== 0) throw wrong('rows of 4 values', `${bbox.length} values`);
  for (let i = 0; i < bbox.length; i += 4) {
    const [y0, x0, y1, x1] = [bbox[i]!, bbox[i + 1]!, bbox[i + 2]!, bbox[i + 3]!];
    const row = `row ${i / 4}: (${[y0, x0, y1, x1].join(', ')})`;
    if (![y0, x0, y1, x1].every(Number.isFinite)) throw wrong('finite numbers', row);
    if (y0 > y1 || x0 > x1) throw wrong('yMin <= yMax and xMin <= xMax', row);
    if (size !== null && (y0 < 0 || x0 < 0 || y1 > size[0] || x1 > size[1])) {
      throw wrong(`boxes within ${size[0]} x ${size[1]}`, row);
    }
  }
}
