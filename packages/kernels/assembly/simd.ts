/** What all kernels share: the multiply-add of the target and the shape of its register tile. */

/** Activations, as the TypeScript side numbers them. */
export const RELU: i32 = 1;
export const RELU6: i32 = 2;

/**
 * Rows of the register tile; a tile is MR rows by 8 columns.
 * With a fused multiply-add 12 accumulators, 2 columns and 1 row value fill V8's 15 registers; without one the
 * product needs registers of its own, and V8 before 12 loads all row values first: 4 rows are the most it holds.
 */
// @ts-ignore: asconfig.json gives each target its own.
export const MR: i32 = TARGET_ROWS;

/** Columns of the register tile, and of one panel of packed B. */
export const NR: i32 = 8;

/**
 * Panels of packed B that the micro-kernels take at once. The binary that V8 compiles for registers of 256 bits, two of ours in each,
 * takes two: 6 rows by 16 columns then fill the 15 registers, and a row value that is loaded serves two multiply-adds.
 */
// @ts-ignore: asconfig.json gives each target its own.
export const PANELS: i32 = TARGET_PANELS;

/** Packed A holds chunks of this many k for each row, so that the row offsets of the inner loop are constants. */
export const CHUNK: i32 = 64;

/** Bytes from one row to the next in packed A, and from one chunk to the next. */
export const A_ROW: i32 = CHUNK * 4;
export const A_CHUNK: i32 = MR * A_ROW;

/** a * b + c */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c - a * b */
// @ts-ignore: decorator
@inline
export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** Whether the kernels that multiply bytes are there: without an instruction for it they are slower than those for floats. */
// @ts-ignore: decorator
@inline
export const BYTES: bool = ASC_FEATURE_RELAXED_SIMD;

/** Of each four neighbouring bytes the sum of a * b, to c. b is 0 to 127: with others processors differ. */
// @ts-ignore: decorator
@inline
export function dot4(a: v128, b: v128, c: v128): v128 {
  if (BYTES) return i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, c);
  return c;
}

/** The activation of four values; pmax and pmin are one instruction each, and keep a NaN in `v`. */
// @ts-ignore: decorator
@inline
export function activate(v: v128, act: i32): v128 {
  if (act == RELU) return f32x4.pmax(v, f32x4.splat(0));
  if (act == RELU6) return f32x4.pmin(f32x4.pmax(v, f32x4.splat(0)), f32x4.splat(6));
  return v;
}

// @ts-ignore: decorator
@inline
export function activateScalar(v: f32, act: i32): f32 {
  if (act >= RELU && v < 0) v = 0;
  if (act == RELU6 && v > 6) v = 6;
  return v;
}

// @ts-ignore: decorator
@inline
export function minI(a: i32, b: i32): i32 {
  return a < b ? a : b;
}

// @ts-ignore: decorator
@inline
export function maxI(a: i32, b: i32): i32 {
  return a > b ? a : b;
}

// @ts-ignore: decorator
@inline
export function ceilDiv(a: i32, b: i32): i32 {
  return (a + b - 1) / b;
}

// @ts-ignore: decorator
@inline
export function align64(p: usize): usize {
  return (p + 63) & ~(<usize>63);
}

/** Stores the first `lanes` of four values; all, if it is more. */
// @ts-ignore: decorator
@inline
export function storeSome(p: usize, v: v128, lanes: i32): void {
  if (lanes >= 4) v128.store(p, v);
  else {
    v128.store32_lane(p, v, 0);
    if (lanes > 1) v128.store32_lane(p + 4, v, 1);
    if (lanes > 2) v128.store32_lane(p + 8, v, 2);
  }
}

/** Four floats in each of four rows that are `row` bytes apart, as four columns `to` bytes apart. */
// @ts-ignore: decorator
@inline
export function transpose4(p: usize, row: usize, dst: usize, to: usize): void {
  const r0 = v128.load(p), r1 = v128.load(p + row), r2 = v128.load(p + 2 * row), r3 = v128.load(p + 3 * row);
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(dst, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
  v128.store(dst + to, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
  v128.store(dst + 2 * to, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
  v128.store(dst + 3 * to, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
}

/** Copies n floats. */
// @ts-ignore: decorator
@inline
export function copyFloats(dst: usize, src: usize, n: i32): void {
  for (; n >= 4; n -= 4) {
    v128.store(dst, v128.load(src));
    dst += 16;
    src += 16;
  }
  for (; n > 0; n--) {
    store<f32>(dst, load<f32>(src));
    dst += 4;
    src += 4;
  }
}

// @ts-ignore: decorator
@inline
export function zeroFloats(dst: usize, n: i32): void {
  memory.fill(dst, 0, (<usize>n) << 2);
}
