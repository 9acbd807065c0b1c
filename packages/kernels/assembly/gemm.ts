/**
 * The register-tiled matrix product that everything stands on: how its operands are packed. micro-kernels.mjs has the product.
 *
 * Packed A: groups of up to MR rows, each [chunk][MR][64]: row r, column k at (k / 64) * A_CHUNK + r * A_ROW + (k % 64) * 4.
 * Packed B: panels of 8 columns, each [k][8].
 */
import { A_CHUNK, CHUNK, MR, ceilDiv } from './simd';

/** First row of group g of `groups` when `rows` are spread evenly: 25 rows are 5 groups of 5, not 4 of 6 and a slow 1. */
// @ts-ignore: decorator
@inline
export function groupStart(rows: i32, groups: i32, g: i32): i32 {
  const base = rows / groups;
  const extra = rows - base * groups;
  return g * base + (g < extra ? g : extra);
}

/** Groups that `rows` rows of A are packed in. */
// @ts-ignore: decorator
@inline
export function groupsOf(rows: i32): i32 {
  return ceilDiv(rows, MR);
}

/** Bytes of one packed group of A with k columns. */
// @ts-ignore: decorator
@inline
export function groupBytes(k: i32): usize {
  return <usize>(ceilDiv(k, CHUNK) * A_CHUNK);
}
