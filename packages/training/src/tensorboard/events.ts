/** TensorFlow's events, as TensorBoard reads them: scalars, images and histograms at a step. */
import { encodePng, type Pixels } from '../png.ts';
import { Message } from './message.ts';
import { recordOf } from './records.ts';

/** One named value of an event. */
export type SummaryValue = Message;

/** @param seconds since 1970. */
const event = (seconds: number, step: number): Message => {
  const message = new Message().double(1, seconds);
  return step === 0 ? message : message.int(2, step);
};

/** The record that a file begins with. */
export const firstRecord = (seconds: number): Uint8Array<ArrayBuffer> =>
  recordOf(event(seconds, 0).text(3, 'brain.Event:2').finish());

/** A record of values. */
export function summaryRecord(
  seconds: number,
  step: number,
  values: readonly SummaryValue[],
): Uint8Array<ArrayBuffer> {
  const summary = new Message();
  for (const value of values) summary.message(1, value);
  return recordOf(event(seconds, step).message(5, summary).finish());
}

/** The step of an event; 0 where it says none. */
export function stepOf(content: Uint8Array): number {
  // The time, a field of 9 bytes, comes first, and then the step.
  if (content[0] !== 9 || content[9] !== 16) return 0;
  let step = 0;
  for (let i = 10, scale = 1; i < content.length; i++, scale *= 128) {
    step += (content[i]! & 127) * scale;
    if (content[i]! < 128) break;
  }
  return step;
}

export const scalarValue = (tag: string, value: number): SummaryValue =>
  new Message().text(1, tag).float(2, value);

export async function imageValue(tag: string, pixels: Pixels): Promise<SummaryValue> {
  const [height, width, channels] = pixels.shape;
  const image = new Message().int(1, height).int(2, width).int(3, channels);
  return new Message().text(1, tag).message(4, image.bytes(4, await encodePng(pixels)));
}

/** The upper limits of TensorFlow's buckets of positive values: each a tenth higher than the one before. */
const limits: readonly number[] = (() => {
  const all: number[] = [];
  for (let limit = 1e-12; limit < 1e20; limit *= 1.1) all.push(limit);
  return [...all.map((limit) => -limit).reverse(), 0, ...all, Number.MAX_VALUE];
})();

/** The first limit that `value` is below. */
function bucketOf(value: number): number {
  let [low, high] = [0, limits.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (limits[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How the finite ones of `values` are distributed, and how many are not finite. */
export function histogramValue(
  tag: string,
  values: ArrayLike<number>,
): { readonly value: SummaryValue; readonly notFinite: number } {
  const counts = new Map<number, number>();
  let [min, max, num, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    num += 1;
    sum += value;
    squares += value * value;
    const bucket = bucketOf(value);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  const used = [...counts.keys()];
  const first = used.reduce((a, b) => Math.min(a, b), limits.length);
  const last = used.reduce((a, b) => Math.max(a, b), -1);
  // TensorBoard wants a bucket, be it an empty one.
  const shown =
    num === 0 ? [limits.length - 1] : Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const histogram = new Message()
    .double(1, num === 0 ? 0 : min)
    .double(2, num === 0 ? 0 : max)
    .double(3, num)
    .double(4, sum)
    .double(5, squares)
    .doubles(
      6,
      shown.map((bucket) => limits[bucket]!),
    )
    .doubles(
      7,
      shown.map((bucket) => counts.get(bucket) ?? 0),
    );
  return { value: new Message().text(1, tag).message(5, histogram), notFinite: values.length - num };
}
