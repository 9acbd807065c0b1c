/** Matrix products, either side transposed or not, and products of few rows that read their matrix once. */
import { groupBytes, groupStart, groupsOf } from './gemm';
import { panelFull } from './micro-kernels.generated';
import {
  A_CHUNK, A_ROW, CHUNK, NR, PANELS, activateScalar, align64, ceilDiv, copyFloats, madd, minI, zeroFloats,
} from './simd';

/** Columns of A and rows of B packed at a time, and rows of A. */
const K_BLOCK: i32 = 512;
const M_BLOCK: i32 = 96;

/** The sides, the bias (0 for none) and the result of a product c = act(a * b + bias). */
@unmanaged
export class ProductArgs {
  a: usize; b: usize; bias: usize; c: usize;
  m: i32; n: i32; k: i32;
  act: i32;
}

@unmanaged
export class MatMulArgs extends ProductArgs {
  /** Whether A lies as [k][m], and B as [n][k]. */
  transposeA: bool; transposeB: bool;
  /** Floats from one matrix of a batch to the next. */
  aBatch: i32; bBatch: i32; cBatch: i32;
  /** Rows and panels of c an item takes, and items along each. */
  mPerItem: i32; mItems: i32; panelsPerItem: i32; panelItems: i32;
}

@unmanaged
export class FewRowsArgs extends ProductArgs {
  /** Columns of c an item takes. */
  columnsPerItem: i32;
}

/** Rows [m0, m0 + rows), columns [k0, k0 + kb) of A into packed groups. `table` has room for a pointer a row. */
function packA(args: MatMulArgs, a: usize, m0: i32, rows: i32, k0: i32, kb: i32, to: usize, table: usize): void {
  const groups = groupsOf(rows);
  const bytes = groupBytes(kb);
  for (let g = 0; g < groups; g++) {
    const r0 = groupStart(rows, groups, g);
    const r1 = groupStart(rows, groups, g + 1);
    for (let r = r0; r < r1; r++) {
      const row = to + <usize>g * bytes + <usize>((r - r0) * A_ROW);
      if (args.transposeA) store<usize>(table + (<usize>r << 2), row);
      else {
        const from = a + (<usize>((m0 + r) * args.k + k0) << 2);
        for (let k = 0; k < kb; k += CHUNK)
          copyFloats(row + <usize>((k / CHUNK) * A_CHUNK), from + (<usize>k << 2), minI(CHUNK, kb - k));
      }
    }
  }
  if (!args.transposeA) return;
  // 4 rows of k at a time, along m: with a stride of a power of two all lines of a column fall into one cache set,
  // so each must be used up before the next ones come.
  const step = <usize>args.m << 2;
  let k = 0;
  for (; k + 4 <= kb; k += 4) {
    const at = <usize>((k / CHUNK) * A_CHUNK + ((k & (CHUNK - 1)) << 2));
    let from = a + (<usize>((k0 + k) * args.m + m0) << 2);
    let r = 0;
    for (; r + 4 <= rows; r += 4) {
      const row = table + (<usize>r << 2);
      const v0 = v128.load(from);
      const v1 = v128.load(from + step);
      const v2 = v128.load(from + 2 * step);
      const v3 = v128.load(from + 3 * step);
      const p = v128.shuffle<f32>(v0, v1, 0, 4, 1, 5);
      const q = v128.shuffle<f32>(v2, v3, 0, 4, 1, 5);
      const s = v128.shuffle<f32>(v0, v1, 2, 6, 3, 7);
      const t = v128.shuffle<f32>(v2, v3, 2, 6, 3, 7);
      v128.store(load<usize>(row) + at, v128.shuffle<f32>(p, q, 0, 1, 4, 5));
      v128.store(load<usize>(row, 4) + at, v128.shuffle<f32>(p, q, 2, 3, 6, 7));
      v128.store(load<usize>(row, 8) + at, v128.shuffle<f32>(s, t, 0, 1, 4, 5));
      v128.store(load<usize>(row, 12) + at, v128.shuffle<f32>(s, t, 2, 3, 6, 7));
      from += 16;
    }
    for (; r < rows; r++) {
      const dst = load<usize>(table + (<usize>r << 2)) + at;
      store<f32>(dst, load<f32>(from));
      store<f32>(dst, load<f32>(from + step), 4);
      store<f32>(dst, load<f32>(from + 2 * step), 8);
      store<f32>(dst, load<f32>(from + 3 * step), 12);
      from += 4;
    }
  }
  for (; k < kb; k++) {
    const at = <usize>((k / CHUNK) * A_CHUNK + ((k & (CHUNK - 1)) << 2));
    const from = a + (<usize>((k0 + k) * args.m + m0) << 2);
    for (let r = 0; r < rows; r++)
      store<f32>(load<usize>(table + (<usize>r << 2)) + at, load<f32>(from + (<usize>r << 2)));
  }
}

/** Bytes from one packed panel to the next: odd in cache lines, so that panels do not share cache sets. */
// @ts-ignore: decorator
@inline
function panelBytes(kb: i32): usize {
  return (<usize>kb << 5) + ((kb & 2) == 0 ? 64 : 0);
}

/** Panels [p0, p1), rows [k0, k0 + kb) of B. Columns past the last are undefined and never stored. */
function packB(args: MatMulArgs, b: usize, p0: i32, p1: i32, k0: i32, kb: i32, to: usize): void {
  const bytes = panelBytes(kb);
  if (args.transposeB) {
    const row = <usize>args.k << 2;
    for (let p = p0; p < p1; p++) {
      // 4 rows at a time: 8 lines a power of two apart fill a cache set
      for (let half = 0; half < NR; half += 4) {
        const n = p * NR + half;
        const last = args.n - 1;
        const base = b + (<usize>k0 << 2);
        let r0 = base + <usize>minI(n, last) * row;
        let r1 = base + <usize>minI(n + 1, last) * row;
        let r2 = base + <usize>minI(n + 2, last) * row;
        let r3 = base + <usize>minI(n + 3, last) * row;
        let dst = to + <usize>(p - p0) * bytes + (<usize>half << 2);
        let k = 0;
        for (; k + 4 <= kb; k += 4) {
          transpose4(v128.load(r0), v128.load(r1), v128.load(r2), v128.load(r3), dst);
          r0 += 16; r1 += 16; r2 += 16; r3 += 16;
          dst += 128;
        }
        for (; k < kb; k++) {
          store<f32>(dst, load<f32>(r0)); store<f32>(dst, load<f32>(r1), 4);
          store<f32>(dst, load<f32>(r2), 8); store<f32>(dst, load<f32>(r3), 12);
          r0 += 4; r1 += 4; r2 += 4; r3 += 4;
          dst += 32;
        }
      }
    }
    return;
  }
  for (let k = 0; k < kb; k++) {
    let from = b + (<usize>((k0 + k) * args.n + p0 * NR) << 2);
    let dst = to + (<usize>k << 5);
    for (let p = p0; p < p1; p++) {
      const columns = args.n - p * NR;
      if (columns >= NR) {
        v128.store(dst, v128.load(from));
        v128.store(dst, v128.load(from, 16), 16);
      } else copyFloats(dst, from, columns);
      from += 32;
      dst += bytes;
    }
  }
}

/** Four rows of four values, transposed, to four rows 32 bytes apart. */
// @ts-ignore: decorator
@inline
function transpose4(r0: v128, r1: v128, r2: v128, r3: v128, dst: usize): void {
  const a = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const b = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const c = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const d = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(dst, v128.shuffle<f32>(a, b, 0, 1, 4, 5));
  v128.store(dst, v128.shuffle<f32>(a, b, 2, 3, 6, 7), 32);
  v128.store(dst, v128.shuffle<f32>(c, d, 0, 1, 4, 5), 64);
  v128.store(dst, v128.shuffle<f32>(c, d, 2, 3, 6, 7), 96);
}

/** Bytes of scratch of one `matMul` item. */
export function matMulScratch(k: i32, mPerItem: i32, panelsPerItem: i32): usize {
  const kb = minI(k, K_BLOCK);
  const a = <usize>groupsOf(minI(mPerItem, M_BLOCK)) * groupBytes(kb);
  return a + <usize>panelsPerItem * (panelBytes(kb) + 96) + (<usize>mPerItem << 5) + M_BLOCK * 4 + 512;
}

/** Job: item is a matrix of the batch, a block of rows and a block of columns of c. */
export function matMul(item: i32, args: MatMulArgs, scratch: usize): void {
  const panelItem = item % args.panelItems;
  const mItem = (item / args.panelItems) % args.mItems;
  const batch = item / (args.panelItems * args.mItems);
  const a = args.a + (<usize>(batch * args.aBatch) << 2);
  const b = args.b + (<usize>(batch * args.bBatch) << 2);
  const c = args.c + (<usize>(batch * args.cBatch) << 2);
  const m0 = mItem * args.mPerItem;
  const m1 = minI(m0 + args.mPerItem, args.m);
  const p0 = panelItem * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, ceilDiv(args.n, NR));
  const columns = minI((p1 - p0) * NR, args.n - p0 * NR);
  const full = columns / NR;
  const tailColumns = columns - full * NR;
  const bias = align64(scratch);
  const tail = bias + (<usize>((p1 - p0) * NR) << 2);
  const table = tail + (<usize>(m1 - m0) << 5);
  const packedB = align64(table + M_BLOCK * 4);
  const kb0 = minI(args.k, K_BLOCK);
  const bytes = panelBytes(kb0);
  const packedA = align64(packedB + <usize>(p1 - p0) * bytes);
  zeroFloats(bias, (p1 - p0) * NR);
  if (args.bias) copyFloats(bias, args.bias + (<usize>(p0 * NR) << 2), columns);
  const cRow = <usize>args.n << 2;
  for (let k0 = 0; k0 < args.k; k0 += K_BLOCK) {
    const kb = minI(K_BLOCK, args.k - k0);
    const act = k0 + kb == args.k ? args.act : 0;
    packB(args, b, p0, p1, k0, kb, packedB);
    for (let m = m0; m < m1; m += M_BLOCK) {
      const rows = minI(M_BLOCK, m1 - m);
      packA(args, a, m, rows, k0, kb, packedA, table);
      for (let p = 0, count = 1; p < p1 - p0; p += count) {
        const isTail = p == full;
        // The tail lies elsewhere.
        count = p + 1 < full ? PANELS : 1;
        const to = isTail ? tail + (<usize>(m - m0) << 5) : c + (<usize>(m * args.n + (p0 + p) * NR) << 2);
        const row: usize = isTail ? 32 : cRow;
        const from = packedB + <usize>p * panelBytes(kb);
        const start = k0 == 0 ? bias + (<usize>(p * NR) << 2) : to;
        panelFull(packedA, rows, kb, from, to, row, start, k0 == 0 ? 0 : row, 0, act, count, panelBytes(kb), NR << 2, NR << 2);
      }
    }
  }
  if (tailColumns > 0)
    for (let m = m0; m < m1; m++)
      copyFloats(c + (<usize>(m * args.n + (p0 + full) * NR) << 2), tail + (<usize>(m - m0) << 5), tailColumns);
}

// ---- few rows (GEMV): the matrix is read once, without packing; memory bandwidth is the bound --------------------------

// @ts-ignore: decorator
@inline
function sum4(v: v128): f32 {
  const s = f32x4.add(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1);
}

/** Job: c = a * Bᵀ for rows [0, m) of a and some rows of B [n][k]: item takes columnsPerItem of them. */
export function dotRows(item: i32, args: FewRowsArgs, _scratch: usize): void {
  const n1 = minI((item + 1) * args.columnsPerItem, args.n);
  const row = <usize>args.k << 2;
  const vectors = <usize>(args.k & ~3) << 2;
  for (let n = item * args.columnsPerItem; n < n1; n += 4) {
    const count = minI(4, n1 - n);
    const b0 = args.b + <usize>n * row;
    // a missing row is computed as a copy of the last, and not stored
    const b1 = b0 + <usize>minI(1, count - 1) * row;
    const b2 = b0 + <usize>minI(2, count - 1) * row;
    const b3 = b0 + <usize>minI(3, count - 1) * row;
    for (let m = 0; m < args.m; m++) {
      const a = args.a + <usize>m * row;
      let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
      let k: usize = 0;
      for (; k + 32 <= vectors; k += 32) {
        const x = v128.load(a + k);
        s0 = madd(x, v128.load(b0 + k), s0);
        s1 = madd(x, v128.load(b1 + k), s1);
        s2 = madd(x, v128.load(b2 + k), s2);
        s3 = madd(x, v128.load(b3 + k), s3);
        const y = v128.load(a + k, 16);
        t0 = madd(y, v128.load(b0 + k, 16), t0);
        t1 = madd(y, v128.load(b1 + k, 16), t1);
        t2 = madd(y, v128.load(b2 + k, 16), t2);
        t3 = madd(y, v128.load(b3 + k, 16), t3);
      }
      for (; k < vectors; k += 16) {
        const x = v128.load(a + k);
        s0 = madd(x, v128.load(b0 + k), s0);
        s1 = madd(x, v128.load(b1 + k), s1);
        s2 = madd(x, v128.load(b2 + k), s2);
        s3 = madd(x, v128.load(b3 + k), s3);
      }
      let r0 = sum4(f32x4.add(s0, t0)), r1 = sum4(f32x4.add(s1, t1));
      let r2 = sum4(f32x4.add(s2, t2)), r3 = sum4(f32x4.add(s3, t3));
      for (; k < row; k += 4) {
        const x = load<f32>(a + k);
        r0 += x * load<f32>(b0 + k);
        r1 += x * load<f32>(b1 + k);
        r2 += x * load<f32>(b2 + k);
        r3 += x * load<f32>(b3 + k);
      }
      if (args.bias) {
        const bias = args.bias + (<usize>n << 2);
        r0 += load<f32>(bias);
        if (count > 1) r1 += load<f32>(bias, 4);
        if (count > 2) r2 += load<f32>(bias, 8);
        if (count > 3) r3 += load<f32>(bias, 12);
      }
      const c = args.c + (<usize>(m * args.n + n) << 2);
      store<f32>(c, activateScalar(r0, args.act));
      if (count > 1) store<f32>(c, activateScalar(r1, args.act), 4);
      if (count > 2) store<f32>(c, activateScalar(r2, args.act), 8);
      if (count > 3) store<f32>(c, activateScalar(r3, args.act), 12);
    }
  }
}

/** Job: c = a * B for rows [0, m) of a and some columns of B [k][n]: item takes columnsPerItem (a multiple of 4) of them. */
export function addRows(item: i32, args: FewRowsArgs, _scratch: usize): void {
  const n0 = item * args.columnsPerItem;
  const columns = minI(args.columnsPerItem, args.n - n0);
  const vectors = columns & ~3;
  const row = <usize>args.n << 2;
  for (let m = 0; m < args.m; m++) {
    const c = args.c + (<usize>(m * args.n + n0) << 2);
    if (args.bias) copyFloats(c, args.bias + (<usize>n0 << 2), columns);
    else zeroFloats(c, columns);
  }
  for (let k = 0; k < args.k; k += 4) {
    const count = minI(4, args.k - k);
    const b0 = args.b + (<usize>(k * args.n + n0) << 2);
    const b1 = b0 + <usize>minI(1, count - 1) * row;
    const b2 = b0 + <usize>minI(2, count - 1) * row;
    const b3 = b0 + <usize>minI(3, count - 1) * row;
    for (let m = 0; m < args.m; m++) {
      const a = args.a + (<usize>(m * args.k + k) << 2);
      const x0 = load<f32>(a);
      // A missing row must not count: it may hold NaN or infinity.
      const x1: f32 = count > 1 ? load<f32>(a, 4) : 0;
      const x2: f32 = count > 2 ? load<f32>(a, 8) : 0;
      const x3: f32 = count > 3 ? load<f32>(a, 12) : 0;
      const c = args.c + (<usize>(m * args.n + n0) << 2);
      let j: usize = 0;
      const end = <usize>vectors << 2;
      const all = <usize>columns << 2;
      if (count == 4) {
        const v0 = f32x4.splat(x0), v1 = f32x4.splat(x1), v2 = f32x4.splat(x2), v3 = f32x4.splat(x3);
        for (; j < end; j += 16) {
          let s = v128.load(c + j);
          s = madd(v0, v128.load(b0 + j), s);
          s = madd(v1, v128.load(b1 + j), s);
          s = madd(v2, v128.load(b2 + j), s);
          s = madd(v3, v128.load(b3 + j), s);
          v128.store(c + j, s);
        }
      }
      for (; j < all; j += 4) {
        let s = load<f32>(c + j) + x0 * load<f32>(b0 + j);
        if (count > 1) s += x1 * load<f32>(b1 + j);
        if (count > 2) s += x2 * load<f32>(b2 + j);
        if (count > 3) s += x3 * load<f32>(b3 + j);
        store<f32>(c + j, s);
      }
    }
  }
  if (args.act)
    for (let m = 0; m < args.m; m++) {
      const c = args.c + (<usize>(m * args.n + n0) << 2);
      for (let j = 0; j < columns; j++) {
        const at = c + (<usize>j << 2);
        store<f32>(at, activateScalar(load<f32>(at), args.act));
      }
    }
}
