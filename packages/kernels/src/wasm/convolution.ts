/** Convolution and its input gradient: which algorithm, over which blocks. */
import type * as tf from '@tensorflow/tfjs-core';
import type { Runtime } from './runtime.ts';

/** Floats from one element of a filter to the next along each of its axes: any layout. */
export interface FilterStrides {
  readonly o: number;
  readonly i: number;
  readonly y: number;
  readonly x: number;
}

export const oihw = (i: number, kh: number, kw: number): FilterStrides => ({
  o: i * kh * kw,
  i: kh * kw,
  y: kw,
  x: 1,
});

export const hwio = (i: number, o: number, kw: number): FilterStrides => ({
  o: 1,
  i: o,
  y: kw * i * o,
  x: i * o,
});

/** The sizes of a convolution; c and o are all channels, of all groups. */
export interface ConvCase {
  readonly batch: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly oh: number;
  readonly ow: number;
  readonly o: number;
  readonly groups: number;
  readonly kh: number;
  readonly kw: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly dilY: number;
  readonly dilX: number;
  /** 0 none, 1 relu, 2 relu6. */
  readonly act: number;
  readonly filter: FilterStrides;
}

/** A filter's data, which identifies it, and where it is. */
export interface FilterData {
  readonly dataId: tf.DataId;
  readonly pointer: number;
}

const ceilDiv = (a: number, b: number) => Math.ceil(a / b);

/** A stride-1 3x3 convolution of one group, as Winograd sees it. */
interface Winograd {
  readonly batch: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly xPixel: number;
  readonly oh: number;
  readonly ow: number;
  readonly o: number;
  readonly outPixel: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly dilY: number;
  readonly dilX: number;
  readonly act: number;
}

/** The tiles of 4x4 (or `size`) outputs, on a grid of their own for each phase of a dilated convolution. */
export function tilesOf(s: { batch: number; oh: number; ow: number; dilY: number; dilX: number }, size = 4) {
  const phasesY = Math.min(s.dilY, s.oh);
  const phasesX = Math.min(s.dilX, s.ow);
  const tilesY = ceilDiv(ceilDiv(s.oh, s.dilY), size);
  const tilesX = ceilDiv(ceilDiv(s.ow, s.dilX), size);
  return { phasesY, phasesX, tilesY, tilesX, tiles: s.batch * phasesY * phasesX * tilesY * tilesX };
}

/**
 * Relative time of the product of `rows` rows with one column of B: few rows wait for B to come from memory, and heights
 * below 4 leave the multiplier idle.
 */
function rowCost(rows: number): number {
  return Math.max(9, rows <= 4 ? 5 : rows * 1.05);
}

/** Whether Winograd's 36 products over tiles cost less than 9 over pixels. */
function worthWinograd(s: Winograd): boolean {
  if (s.c < 8) return false;
  return 36 * rowCost(tilesOf(s).tiles) < 9 * rowCost(s.batch * s.oh * s.ow);
}

/**
 * Whether tiles of 6x6 outputs are faster: they are where the maps are large, so that few outputs lie outside, and sums are
 * short enough that their rounding error, four times that of 4x4, is still small (about 1e-5 of the largest output).
 */
function worthLargeTiles(s: Winograd): boolean {
  const large = tilesOf(s, 6).tiles;
  return s.c <= 256 && large >= 64 && 64 * large < 0.88 * 36 * tilesOf(s).tiles;
}

/** Tiles of one block: its transformed inputs and products should stay in the caches, and the filter be read rarely. */
function tileBlock(c: number, tiles: number, threads: number, six: boolean): number {
  const most = six ? 36 : c < 256 ? 48 : c < 512 ? 96 : 144;
  const blocks = ceilDiv(tiles, most);
  return ceilDiv(tiles, threads > 1 ? ceilDiv(blocks, threads) * threads : blocks);
}

/** Up to so many tiles, a filter that is used once is transformed on the way: it would go to memory and back. */
const FEW_TILES = 160;

/** Bytes of a filter transformed at a time, about: they should stay in the second-level cache. */
const TRANSFORMED = 1.25 * 2 ** 20;

function runWinograd(
  rt: Runtime,
  s: Winograd,
  filter: FilterData,
  /** Element (0, 0) of the first tap, and floats to the next out-channel, in-channel and tap. */
  layout: { offset: number; n: number; k: number; tap: number },
  x: number,
  bias: number,
  out: number,
): void {
  const six = worthLargeTiles(s);
  const { phasesY, phasesX, tilesY, tilesX, tiles } = tilesOf(s, six ? 6 : 4);
  const positions = six ? 64 : 36;
  const uPos = rt.sizes.filterPosition(s.o, s.c);
  const panels = ceilDiv(s.o, 8);
  const filterArgs = (u: number, panelsPerItem: number) =>
    rt.words([
      ...[filter.pointer + 4 * layout.offset, u],
      ...[s.o, s.c, layout.n, layout.k, layout.tap],
      ...[uPos, panelsPerItem],
    ]);
  const winogradArgs = (u: number, block: number, v: number, panelsPerItem: number, from: number) =>
    rt.words([
      ...[x, u, bias, out],
      ...[s.h, s.w, s.c, s.xPixel],
      ...[s.oh, s.ow, s.o, s.outPixel],
      ...[s.padTop, s.padLeft, s.dilY, s.dilX],
      s.act,
      ...[phasesY, phasesX, tilesY, tilesX],
      ...[tiles, block],
      uPos,
      ...[v, panelsPerItem, from],
    ]);
  const fill = (u: number) => {
    const panelsPerItem = ceilDiv(panels, rt.threads * 4);
    const args = filterArgs(u, panelsPerItem);
    rt.run(six ? 'winogradFilter6' : 'winogradFilter', ceilDiv(panels, panelsPerItem), args);
  };
  /** All tiles are transformed first, then items divide the out-channels; without u each transforms its part of the filter. */
  const useShared = (u: number) => {
    const tilesPerItem = ceilDiv(tiles, Math.min(tiles, rt.threads * 4));
    const most = u === 0 ? Math.max(1, Math.floor(TRANSFORMED / (1152 * s.c))) : panels;
    const panelsPerItem = Math.min(most, ceilDiv(panels, rt.threads > 1 ? rt.threads * 4 : 1));
    const from = u === 0 ? filterArgs(0, panelsPerItem) : 0;
    const own = u === 0 ? 4 * 36 * rt.sizes.filterPosition(8 * panelsPerItem, s.c) : 0;
    rt.heap.withBlocks([4 * 36 * rt.sizes.packedPosition(tiles, s.c)], (v) => {
      const args = winogradArgs(u, tilesPerItem, v!, panelsPerItem, from);
      rt.run('winogradInput', ceilDiv(tiles, tilesPerItem), args, 4 * s.c + 2048);
      const scratch = rt.sizes.winogradScratch(0, 1, 8 * panelsPerItem, tiles);
      rt.run('winogradOutput', ceilDiv(panels, panelsPerItem), args, scratch + own);
    });
  };
  const use = (u: number) => {
    const block = tileBlock(s.c, tiles, rt.threads, six);
    // Few tiles: threads share them.
    if (!six && rt.threads > 1 && tiles < 2 * rt.threads * block) return useShared(u);
    const scratch = rt.sizes.winogradScratch(six ? 1 : 0, s.c, s.o, block);
    rt.run(six ? 'winograd6' : 'winograd', ceilDiv(tiles, block), winogradArgs(u, block, 0, 0, 0), scratch);
  };
  const key = `winograd/${positions}/${s.o}/${s.c}/${layout.offset}/${layout.n}/${layout.k}/${layout.tap}`;
  const bytes = 4 * positions * uPos;
  if (!six && tiles <= FEW_TILES && !rt.filters.isWorth(filter.dataId, key, bytes)) useShared(0);
  else rt.filters.with(filter.dataId, key, bytes, fill, use);
}

/** A tap of a product: where its pixel is, and its offset in the filter. */
interface Tap {
  readonly y: number;
  readonly x: number;
  readonly offset: number;
}

/** A product over a grid of output pixels. */
interface Product {
  readonly taps: readonly Tap[];
  readonly batch: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly xPixel: number;
  readonly rowsY: number;
  readonly rowsX: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly o: number;
  readonly outImage: number;
  readonly outRow: number;
  readonly outPixel: number;
  readonly act: number;
}

/** Runs of taps whose pixels are side by side, so that they are gathered with one copy. */
export function runsOf(taps: readonly Tap[], contiguous: boolean): number[][] {
  const runs: [number, number, number][] = [];
  for (const { y, x } of taps) {
    const last = runs.at(-1);
    if (contiguous && last !== undefined && last[0] === y && last[1] + last[2] === x) last[2]++;
    else runs.push([y, x, 1]);
  }
  return runs;
}

function runProduct(
  rt: Runtime,
  p: Product,
  filter: FilterData,
  layout: { offset: number; n: number; k: number },
  x: number,
  bias: number,
  out: number,
): void {
  const k = p.taps.length * p.c;
  const rows = p.batch * p.rowsY * p.rowsX;
  if (rows === 0) return;
  const panels = ceilDiv(p.o, 8);
  const offsets = p.taps.map((tap) => tap.offset);
  const fill = (b: number) => {
    const panelsPerItem = ceilDiv(panels, rt.threads * 4);
    const taps = rt.words(offsets);
    const args = rt.words([
      filter.pointer + 4 * layout.offset,
      b,
      p.o,
      p.c,
      layout.n,
      layout.k,
      taps,
      offsets.length,
      panelsPerItem,
    ]);
    rt.run('packFilter', ceilDiv(panels, panelsPerItem), args);
  };
  const use = (b: number) => {
    const runs = runsOf(p.taps, p.xPixel === p.c);
    const rowBlocks = Math.max(1, Math.round(rows / (96 * rt.threads))) * rt.threads;
    const rowsPerItem = Math.min(rows, Math.max(24, 6 * ceilDiv(rows, 6 * rowBlocks)));
    const rowItems = ceilDiv(rows, rowsPerItem);
    // Gathering the rows again for each block of columns pays only when threads are idle otherwise.
    const panelsPerItem = rowItems >= rt.threads ? panels : ceilDiv(panels, rt.threads * 2);
    const panelItems = ceilDiv(panels, panelsPerItem);
    const dense = p.outRow === p.rowsX * p.outPixel && p.outImage === p.rowsY * p.outRow && p.o % 8 === 0;
    const args = rt.words([
      ...[x, b, bias, out],
      ...[rt.words(runs.flat()), runs.length],
      ...[p.h, p.w, p.c, p.xPixel],
      ...[p.rowsY, p.rowsX, p.strideY, p.strideX],
      ...[rows, k, p.o],
      ...[p.outImage, p.outRow, p.outPixel],
      dense ? 1 : 0,
      p.act,
      ...[rowsPerItem, panelsPerItem, panelItems],
    ]);
    rt.run('conv', rowItems * panelItems, args, rt.sizes.convScratch(k, rowsPerItem, panelsPerItem));
  };
  const key = `product/${p.o}/${p.c}/${layout.offset}/${layout.n}/${layout.k}/${offsets.join()}`;
  rt.filters.with(filter.dataId, key, 4 * panels * 8 * k, fill, use);
}

const isWinogradShape = (s: ConvCase) =>
  s.kh === 3 && s.kw === 3 && s.strideY === 1 && s.strideX === 1 && s.filter.y === 3 * s.filter.x;

/** out = act(x * filter + bias); bias 0 for none. */
export function convolve(
  rt: Runtime,
  s: ConvCase,
  x: number,
  filter: FilterData,
  bias: number,
  out: number,
): void {
  const c = s.c / s.groups;
  const o = s.o / s.groups;
  for (let g = 0; g < s.groups; g++) {
    const [xg, biasg, outg] = [x + 4 * g * c, bias && bias + 4 * g * o, out + 4 * g * o];
    const layout = { offset: g * o * s.filter.o, n: s.filter.o, k: s.filter.i, tap: s.filter.x };
    const one = { ...s, c, o, xPixel: s.c, outPixel: s.o };
    if (isWinogradShape(s) && worthWinograd(one)) {
      runWinograd(rt, one, filter, layout, xg, biasg, outg);
      continue;
    }
    const taps: Tap[] = [];
    for (let ky = 0; ky < s.kh; ky++)
      for (let kx = 0; kx < s.kw; kx++)
        taps.push({
          y: ky * s.dilY - s.padTop,
          x: kx * s.dilX - s.padLeft,
          offset: ky * s.filter.y + kx * s.filter.x,
        });
    const product = {
      ...one,
      taps,
      rowsY: s.oh,
      rowsX: s.ow,
      outRow: s.ow * s.o,
      outImage: s.oh * s.ow * s.o,
    };
    runProduct(rt, product, filter, layout, xg, biasg, outg);
  }
}

/**
 * dx, the gradient of x: a convolution of dy with the flipped filter, in- and out-channels exchanged. With a stride each
 * phase of x's pixels meets only some of the taps, and is a convolution of stride 1 with those.
 */
export function convolveInputGradient(
  rt: Runtime,
  s: ConvCase,
  dy: number,
  filter: FilterData,
  dx: number,
): void {
  const c = s.c / s.groups;
  const o = s.o / s.groups;
  for (let g = 0; g < s.groups; g++) {
    const [dyg, dxg] = [dy + 4 * g * o, dx + 4 * g * c];
    const offset = g * o * s.filter.o;
    const one = {
      ...{ batch: s.batch, h: s.oh, w: s.ow, c: o, xPixel: s.o },
      ...{ oh: s.h, ow: s.w, o: c, outPixel: s.c, dilY: s.dilY, dilX: s.dilX, act: 0 },
      padTop: (s.kh - 1) * s.dilY - s.padTop,
      padLeft: (s.kw - 1) * s.dilX - s.padLeft,
    };
    if (isWinogradShape(s) && worthWinograd(one)) {
      const layout = { offset: offset + 8 * s.filter.x, n: s.filter.i, k: s.filter.o, tap: -s.filter.x };
      runWinograd(rt, one, filter, layout, dyg, 0, dxg);
      continue;
    }
    const layout = { offset, n: s.filter.i, k: s.filter.o };
    // Some phases meet no tap at all.
    if (s.kh < s.strideY || s.kw < s.strideX || s.dilY > 1 || s.dilX > 1)
      if (g === 0) rt.heap.f32.fill(0, dx / 4, dx / 4 + s.batch * s.h * s.w * s.c);
    for (let py = 0; py < Math.min(s.strideY, s.h); py++) {
      for (let px = 0; px < Math.min(s.strideX, s.w); px++) {
        const taps: Tap[] = [];
        for (let ky = s.kh - 1; ky >= 0; ky--) {
          const y = py + s.padTop - ky * s.dilY;
          if (y % s.strideY !== 0) continue;
          for (let kx = s.kw - 1; kx >= 0; kx--) {
            const x = px + s.padLeft - kx * s.dilX;
            if (x % s.strideX === 0)
              taps.push({ y: y / s.strideY, x: x / s.strideX, offset: ky * s.filter.y + kx * s.filter.x });
          }
        }
        if (taps.length === 0) continue;
        const product = {
          ...one,
          taps,
          rowsY: ceilDiv(s.h - py, s.strideY),
          rowsX: ceilDiv(s.w - px, s.strideX),
          ...{ strideY: 1, strideX: 1 },
          ...{ outImage: s.h * s.w * s.c, outRow: s.strideY * s.w * s.c, outPixel: s.strideX * s.c },
        };
        runProduct(rt, product, filter, layout, dyg, 0, dxg + 4 * (py * s.w + px) * s.c);
      }
    }
  }
}
