/** What becomes of the sums of a product before their activation, as the micro-kernels take it. */
import { NR, copyFloats, minI } from './simd';

/** Bytes a panel of out-channels: 8 values that the sums start from, 8 scales and 8 shifts. */
export const AFTER: usize = <usize>(3 * NR) << 2;

/** Writes those of `columns` out-channels: the sums start from the bias, or from zeros where a scale comes first. */
export function writeAfter(bias: usize, scale: usize, columns: i32, to: usize): void {
  for (let first = 0; first < columns; first += NR) {
    const from = <usize>first << 2;
    const count = minI(NR, columns - first);
    memory.fill(to, 0, AFTER);
    if (scale) {
      copyFloats(to + 32, scale + from, count);
      copyFloats(to + 64, bias + from, count);
    } else if (bias) copyFloats(to, bias + from, count);
    to += AFTER;
  }
}
