/**
 * The register-tiled matrix product that everything stands on.
 *
 * Packed A: groups of up to MR rows, each [chunk][MR][64]: row r, column k at (k / 64) * A_CHUNK + r * A_ROW + (k % 64) * 4.
 * Packed B: panels of 8 columns, each [k][8].
 * The inner loop must stay small and must not be unrolled by hand: V8 then spills the pointers (26 instead of 57 GFLOP/s).
 */
import { A_CHUNK, A_ROW, CHUNK, MR, RELU, RELU6, ceilDiv, madd } from './simd';

/**
 * One tile of `mr` rows by 8 columns: c = act(init + a * b).
 * `mr`, `wide` and `plain` are constants at every call: wide takes A as [k][24] (row values side by side),
 * plain starts from zero and stores without an activation.
 */
// @ts-ignore: decorator
@inline
function tile(
  mr: i32, wide: bool, plain: bool,
  a: usize, b: usize, k: i32, c: usize, cRow: usize, init: usize, initRow: usize, act: i32,
): void {
  let c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128;
  let c30: v128, c31: v128, c40: v128, c41: v128, c50: v128, c51: v128;
  const zero = f32x4.splat(0);
  c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = c40 = c41 = c50 = c51 = zero;
  if (!plain) {
    c00 = v128.load(init); c01 = v128.load(init, 16);
    if (mr > 1) { init += initRow; c10 = v128.load(init); c11 = v128.load(init, 16); }
    if (mr > 2) { init += initRow; c20 = v128.load(init); c21 = v128.load(init, 16); }
    if (mr > 3) { init += initRow; c30 = v128.load(init); c31 = v128.load(init, 16); }
    if (mr > 4) { init += initRow; c40 = v128.load(init); c41 = v128.load(init, 16); }
    if (mr > 5) { init += initRow; c50 = v128.load(init); c51 = v128.load(init, 16); }
  }
  const step: usize = wide ? 96 : 4;
  do {
    const n = wide ? k : k < CHUNK ? k : CHUNK;
    const end = b + ((<usize>n) << 5);
    do {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const a0 = v128.load32_splat(a);
      c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01);
      if (mr > 1) { const a1 = wide ? v128.load32_splat(a, 4) : v128.load32_splat(a, A_ROW); c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11); }
      if (mr > 2) { const a2 = wide ? v128.load32_splat(a, 8) : v128.load32_splat(a, 2 * A_ROW); c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21); }
      if (mr > 3) { const a3 = wide ? v128.load32_splat(a, 12) : v128.load32_splat(a, 3 * A_ROW); c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31); }
      if (mr > 4) { const a4 = wide ? v128.load32_splat(a, 16) : v128.load32_splat(a, 4 * A_ROW); c40 = madd(a4, b0, c40); c41 = madd(a4, b1, c41); }
      if (mr > 5) { const a5 = wide ? v128.load32_splat(a, 20) : v128.load32_splat(a, 5 * A_ROW); c50 = madd(a5, b0, c50); c51 = madd(a5, b1, c51); }
      a += step;
      b += 32;
    } while (b != end);
    if (!wide) a += <usize>(A_CHUNK - (n << 2));
    k -= n;
  } while (k > 0);
  if (!plain) {
    if (act >= RELU) {
      c00 = f32x4.pmax(c00, zero); c01 = f32x4.pmax(c01, zero);
      if (mr > 1) { c10 = f32x4.pmax(c10, zero); c11 = f32x4.pmax(c11, zero); }
      if (mr > 2) { c20 = f32x4.pmax(c20, zero); c21 = f32x4.pmax(c21, zero); }
      if (mr > 3) { c30 = f32x4.pmax(c30, zero); c31 = f32x4.pmax(c31, zero); }
      if (mr > 4) { c40 = f32x4.pmax(c40, zero); c41 = f32x4.pmax(c41, zero); }
      if (mr > 5) { c50 = f32x4.pmax(c50, zero); c51 = f32x4.pmax(c51, zero); }
    }
    if (act == RELU6) {
      const six = f32x4.splat(6);
      c00 = f32x4.pmin(c00, six); c01 = f32x4.pmin(c01, six);
      if (mr > 1) { c10 = f32x4.pmin(c10, six); c11 = f32x4.pmin(c11, six); }
      if (mr > 2) { c20 = f32x4.pmin(c20, six); c21 = f32x4.pmin(c21, six); }
      if (mr > 3) { c30 = f32x4.pmin(c30, six); c31 = f32x4.pmin(c31, six); }
      if (mr > 4) { c40 = f32x4.pmin(c40, six); c41 = f32x4.pmin(c41, six); }
      if (mr > 5) { c50 = f32x4.pmin(c50, six); c51 = f32x4.pmin(c51, six); }
    }
  }
  v128.store(c, c00); v128.store(c, c01, 16);
  if (mr > 1) { c += cRow; v128.store(c, c10); v128.store(c, c11, 16); }
  if (mr > 2) { c += cRow; v128.store(c, c20); v128.store(c, c21, 16); }
  if (mr > 3) { c += cRow; v128.store(c, c30); v128.store(c, c31, 16); }
  if (mr > 4) { c += cRow; v128.store(c, c40); v128.store(c, c41, 16); }
  if (mr > 5) { c += cRow; v128.store(c, c50); v128.store(c, c51, 16); }
}

// One function per height: inlined into one, they share V8's registers and the tall ones spill.
function plain1(a: usize, b: usize, k: i32, c: usize, cRow: usize): void { tile(1, false, true, a, b, k, c, cRow, 0, 0, 0); }
function plain2(a: usize, b: usize, k: i32, c: usize, cRow: usize): void { tile(2, false, true, a, b, k, c, cRow, 0, 0, 0); }
function plain3(a: usize, b: usize, k: i32, c: usize, cRow: usize): void { tile(3, false, true, a, b, k, c, cRow, 0, 0, 0); }
function plain4(a: usize, b: usize, k: i32, c: usize, cRow: usize): void { tile(4, false, true, a, b, k, c, cRow, 0, 0, 0); }
function plain5(a: usize, b: usize, k: i32, c: usize, cRow: usize): void { tile(5, false, true, a, b, k, c, cRow, 0, 0, 0); }
function plain6(a: usize, b: usize, k: i32, c: usize, cRow: usize): void { tile(6, false, true, a, b, k, c, cRow, 0, 0, 0); }

function full1(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize, act: i32): void { tile(1, false, false, a, b, k, c, cRow, i, iRow, act); }
function full2(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize, act: i32): void { tile(2, false, false, a, b, k, c, cRow, i, iRow, act); }
function full3(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize, act: i32): void { tile(3, false, false, a, b, k, c, cRow, i, iRow, act); }
function full4(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize, act: i32): void { tile(4, false, false, a, b, k, c, cRow, i, iRow, act); }
function full5(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize, act: i32): void { tile(5, false, false, a, b, k, c, cRow, i, iRow, act); }
function full6(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize, act: i32): void { tile(6, false, false, a, b, k, c, cRow, i, iRow, act); }

function wide1(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize): void { tile(1, true, false, a, b, k, c, cRow, i, iRow, 0); }
function wide2(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize): void { tile(2, true, false, a, b, k, c, cRow, i, iRow, 0); }
function wide3(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize): void { tile(3, true, false, a, b, k, c, cRow, i, iRow, 0); }
function wide4(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize): void { tile(4, true, false, a, b, k, c, cRow, i, iRow, 0); }
function wide5(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize): void { tile(5, true, false, a, b, k, c, cRow, i, iRow, 0); }
function wide6(a: usize, b: usize, k: i32, c: usize, cRow: usize, i: usize, iRow: usize): void { tile(6, true, false, a, b, k, c, cRow, i, iRow, 0); }

/** Rows in group g of `groups` when `rows` are spread evenly: 25 rows are 5 groups of 5, not 4 of 6 and a slow 1. */
// @ts-ignore: decorator
@inline
export function groupStart(rows: i32, groups: i32, g: i32): i32 {
  const base = rows / groups;
  const extra = rows - base * groups;
  return g * base + (g < extra ? g : extra);
}

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

/** All row groups against one panel of B, from zero; rows of C are cRow bytes apart. */
// @ts-ignore: decorator
@inline
export function panelPlain(a: usize, rows: i32, k: i32, b: usize, c: usize, cRow: usize): void {
  const groups = groupsOf(rows);
  const bytes = groupBytes(k);
  const base = rows / groups;
  let extra = rows - base * groups;
  for (let g = 0; g < groups; g++) {
    const mr = base + (extra > 0 ? 1 : 0);
    extra--;
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (mr == 6) plain6(a, b, k, c, cRow);
      else if (mr == 5) plain5(a, b, k, c, cRow);
    }
    if (mr == 4) plain4(a, b, k, c, cRow);
    else if (mr == 3) plain3(a, b, k, c, cRow);
    else if (mr == 2) plain2(a, b, k, c, cRow);
    else if (mr == 1) plain1(a, b, k, c, cRow);
    a += bytes;
    c += <usize>mr * cRow;
  }
}

/** As panelPlain, starting from `init` (rows initRow bytes apart; 0 repeats one row) and ending in an activation. */
// @ts-ignore: decorator
@inline
export function panelFull(
  a: usize, rows: i32, k: i32, b: usize, c: usize, cRow: usize, init: usize, initRow: usize, act: i32,
): void {
  const groups = groupsOf(rows);
  const bytes = groupBytes(k);
  const base = rows / groups;
  let extra = rows - base * groups;
  for (let g = 0; g < groups; g++) {
    const mr = base + (extra > 0 ? 1 : 0);
    extra--;
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (mr == 6) full6(a, b, k, c, cRow, init, initRow, act);
      else if (mr == 5) full5(a, b, k, c, cRow, init, initRow, act);
    }
    if (mr == 4) full4(a, b, k, c, cRow, init, initRow, act);
    else if (mr == 3) full3(a, b, k, c, cRow, init, initRow, act);
    else if (mr == 2) full2(a, b, k, c, cRow, init, initRow, act);
    else if (mr == 1) full1(a, b, k, c, cRow, init, initRow, act);
    a += bytes;
    c += <usize>mr * cRow;
    init += <usize>mr * initRow;
  }
}

/** One strip of up to 24 rows, A as [k][24], against one panel of B; adds to `init`. */
// @ts-ignore: decorator
@inline
export function stripWide(
  a: usize, rows: i32, k: i32, b: usize, c: usize, cRow: usize, init: usize, initRow: usize,
): void {
  const groups = groupsOf(rows);
  const base = rows / groups;
  let extra = rows - base * groups;
  for (let g = 0; g < groups; g++) {
    const mr = base + (extra > 0 ? 1 : 0);
    extra--;
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (mr == 6) wide6(a, b, k, c, cRow, init, initRow);
      else if (mr == 5) wide5(a, b, k, c, cRow, init, initRow);
    }
    if (mr == 4) wide4(a, b, k, c, cRow, init, initRow);
    else if (mr == 3) wide3(a, b, k, c, cRow, init, initRow);
    else if (mr == 2) wide2(a, b, k, c, cRow, init, initRow);
    else if (mr == 1) wide1(a, b, k, c, cRow, init, initRow);
    a += <usize>mr * 4;
    c += <usize>mr * cRow;
    init += <usize>mr * initRow;
  }
}
