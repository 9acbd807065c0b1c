/** Masks as COCO's annotations have them: polygons, or the lengths of runs down the columns, as numbers or in letters. */
import { brief } from '@chaingrad/core';
import { MaskFormatError } from '../../errors.ts';
import { isNumber, isRecord } from './json.ts';

type Size = readonly [height: number, width: number];

const where = 'COCO segmentation';

/**
 * One mask, rows first. Source: the format of `pycocotools.mask`, whose masks these equal bit for bit.
 *
 * @param segmentation a list of polygons, each a list of x and y in turn; or `{ size, counts }`.
 * @throws MaskFormatError for anything else, or a size that is not the image's.
 */
export function cocoMask(segmentation: unknown, size: Size): Uint8Array {
  const mask = new Uint8Array(size[0] * size[1]);
  if (Array.isArray(segmentation)) {
    if (segmentation.length === 0) throw new MaskFormatError(where, 'a polygon at least', 'none');
    for (const polygon of segmentation)
      addRuns(mask, size, polygonStops(checkedPolygon(polygon, size), size));
    return mask;
  }
  if (!isRecord(segmentation))
    throw new MaskFormatError(where, 'polygons or { size, counts }', brief(segmentation));
  const { size: told, counts } = segmentation;
  if (!Array.isArray(told) || told[0] !== size[0] || told[1] !== size[1])
    throw new MaskFormatError(where, `the size [${size}] of its image`, brief(told));
  const runs = typeof counts === 'string' ? runsOfLetters(counts) : counts;
  if (!Array.isArray(runs) || !runs.every((run) => Number.isInteger(run) && run >= 0))
    throw new MaskFormatError(where, 'counts of pixels', brief(counts));
  const stops: number[] = [];
  let at = 0;
  for (const run of runs as number[]) {
    at += run;
    stops.push(at);
  }
  if (at !== mask.length) throw new MaskFormatError(where, `counts of ${mask.length} pixels`, `${at}`);
  addRuns(mask, size, stops);
  return mask;
}

/** Fills every second run of pixels down the columns; a run ends where the next begins. @param stops ascending. */
function addRuns(mask: Uint8Array, [height, width]: Size, stops: readonly number[]): void {
  for (let i = 0; i < stops.length; i += 2) {
    const end = stops[i + 1] ?? height * width;
    for (let at = stops[i]!; at < end; at++) mask[(at % height) * width + Math.floor(at / height)] = 1;
  }
}

/** Five bits a letter, the lowest first, the sixth says that it goes on; from the fourth run on a difference to the last but one. */
function runsOfLetters(text: string): number[] {
  const runs: number[] = [];
  for (let at = 0; at < text.length; ) {
    let run = 0;
    for (let shift = 0; ; shift += 5) {
      const letter = text.charCodeAt(at++) - 48;
      if (!(letter >= 0 && letter < 64) || shift > 30)
        throw new MaskFormatError(where, 'counts in letters from 0 to o', `'${text.slice(0, 20)}'`);
      run += (letter & 31) * 2 ** shift;
      if ((letter & 32) !== 0) continue;
      if ((letter & 16) !== 0) run -= 2 ** (shift + 5);
      break;
    }
    runs.push(runs.length > 2 ? run + runs.at(-2)! : run);
  }
  return runs;
}

function checkedPolygon(polygon: unknown, size: Size): number[] {
  // Farther out than its image is large there is no object, and the border would be walked for long.
  const side = Math.max(...size);
  const isNear = (value: unknown) => isNumber(value) && value >= -side && value <= 2 * side;
  if (!Array.isArray(polygon) || polygon.length % 2 !== 0 || polygon.length < 6 || !polygon.every(isNear))
    throw new MaskFormatError(where, 'three points or more, x and y of each, near the image', brief(polygon));
  return polygon;
}

/** Points of the border are looked at five times a pixel. */
const STEPS = 5;

/** Where a polygon begins and ends in the columns of pixels, counted down the columns. */
function polygonStops(polygon: readonly number[], [height, width]: Size): number[] {
  const stops: number[] = [];
  let last: readonly [u: number, v: number] | null = null;
  const goTo = (u: number, v: number) => {
    if (last !== null && last[0] !== u) {
      const x = (Math.min(u, last[0]) + 0.5) / STEPS - 0.5;
      // Only where the middle of a column of pixels is passed.
      if (Number.isInteger(x) && x >= 0 && x < width) {
        const y = (Math.min(v, last[1]) + 0.5) / STEPS - 0.5;
        stops.push(x * height + Math.ceil(Math.max(0, Math.min(y, height))));
      }
    }
    last = [u, v];
  };
  const corner = (i: number) => Math.trunc(STEPS * polygon[i % polygon.length]! + 0.5);
  for (let i = 0; i < polygon.length; i += 2) {
    const from = [corner(i), corner(i + 1)] as const;
    const to = [corner(i + 2), corner(i + 3)] as const;
    const [dx, dy] = [Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])];
    // Along the longer axis, always from its lower end, so that both directions give the same points.
    const axis = dx >= dy ? 0 : 1;
    const [low, high] = from[axis] > to[axis] ? [to, from] : [from, to];
    const length = Math.max(dx, dy);
    const slope = length === 0 ? 0 : (high[1 - axis]! - low[1 - axis]!) / length;
    for (let d = 0; d <= length; d++) {
      const t = low === from ? d : length - d;
      const along = low[axis] + t;
      const other = Math.trunc(low[1 - axis]! + slope * t + 0.5);
      if (axis === 0) goTo(along, other);
      else goTo(other, along);
    }
  }
  return stops.sort((a, b) => a - b);
}
