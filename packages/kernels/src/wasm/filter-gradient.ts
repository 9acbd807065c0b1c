/** The gradient of a convolution's filter. */
import { type ConvCase, tilesOf } from './convolution.ts';
import type { Runtime } from './runtime.ts';

const ceilDiv = (a: number, b: number) => Math.ceil(a / b);

/** Pixels gathered at a time: a strip of dy and a panel of x then fit the second-level cache, and jobs are few. */
const PIXELS = 1024;

/** Bytes of transformed tiles at a time, about: they should stay in the second-level cache. */
const TRANSFORMED = 3 << 20;

/** Up to so many tiles are one block in any case: their sums need not be kept then. */
const ONE_BLOCK = 128;

/** Offsets of the taps in the filter, in floats. */
function tapOffsets(s: ConvCase): number[] {
  const offsets: number[] = [];
  for (let ky = 0; ky < s.kh; ky++)
    for (let kx = 0; kx < s.kw; kx++) offsets.push(ky * s.filter.y + kx * s.filter.x);
  return offsets;
}

/** Blocks of panels so that all threads have several items. */
function panelItems(rt: Runtime, panels: number, others: number): [panelsPerItem: number, items: number] {
  const wanted = rt.threads === 1 ? 1 : ceilDiv(rt.threads * 4, others);
  const perItem = ceilDiv(panels, Math.min(panels, wanted));
  return [perItem, ceilDiv(panels, perItem)];
}

function byProduct(rt: Runtime, s: ConvCase, c: number, o: number, x: number, dy: number, dw: number): void {
  const taps: number[] = [];
  for (let ky = 0; ky < s.kh; ky++)
    for (let kx = 0; kx < s.kw; kx++) taps.push(ky * s.dilY - s.padTop, kx * s.dilX - s.padLeft);
  const tapCount = s.kh * s.kw;
  const rows = s.batch * s.oh * s.ow;
  const panels = ceilDiv(tapCount * c, 8);
  const strips = ceilDiv(o, 24);
  const most = Math.min(rows, PIXELS);
  const sumsPos = rt.sizes.sumsPosition(o, panels);
  const bytes = [4 * strips * 24 * most, 4 * panels * (8 * most + 16), 4 * sumsPos];
  rt.heap.withBlocks(bytes, (a, b, sums) => {
    const [panelsPerItem, blocks] = panelItems(rt, panels, strips);
    const multiply = (k: number, first: number) =>
      rt.words([
        ...[a!, b!, sums!, 0, 0, sumsPos],
        ...[k, 8 * k + 16, o, panels, first],
        ...[panelsPerItem, blocks],
        ...[dw, c, s.filter.o, s.filter.i, 0],
      ]);
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first);
      const perItem = ceilDiv(count, rt.threads * 4);
      const gather = rt.words([
        ...[x, dy, a!, b!],
        ...[rt.words(taps), tapCount],
        ...[s.h, s.w, c, s.c],
        ...[s.oh, s.ow, s.strideY, s.strideX],
        ...[o, s.o],
        ...[first, count, 8 * count + 16, perItem],
      ]);
      rt.run('gatherGradient', ceilDiv(count, perItem), gather);
      rt.run('multiplyGradient', strips * blocks, multiply(count, first === 0 ? 1 : 0));
    }
    const offsets = rt.words(tapOffsets(s));
    const scatter = rt.words([
      ...[a!, b!, sums!, 0, 0, sumsPos],
      ...[tapCount, 0, o, panels, 0],
      ...[0, 0],
      ...[dw, c, s.filter.o, s.filter.i, offsets],
    ]);
    rt.run('scatterGradient', strips, scatter);
  });
}

/** Tiles of one block, of which there are as few as the caches allow. */
function tileBlock(tiles: number, channels: number): number {
  if (tiles <= ONE_BLOCK) return tiles;
  return ceilDiv(tiles, ceilDiv(tiles, Math.max(96, Math.floor(TRANSFORMED / (144 * channels)))));
}

function byWinograd(rt: Runtime, s: ConvCase, c: number, o: number, x: number, dy: number, dw: number): void {
  const { phasesY, phasesX, tilesY, tilesX, tiles } = tilesOf(s);
  const block = tileBlock(tiles, c + o);
  const isOne = block === tiles;
  const panels = ceilDiv(c, 8);
  const strips = ceilDiv(o, 24);
  const vPos = rt.sizes.panelPosition(block, c);
  const zPos = rt.sizes.stripPosition(block, o);
  const sumsPos = rt.sizes.sumsPosition(o, panels);
  rt.heap.withBlocks([144 * vPos, 144 * zPos, isOne ? 0 : 144 * sumsPos], (v, z, sums) => {
    const winograd = rt.words([
      ...[x, 0, 0, 0],
      ...[s.h, s.w, c, s.c],
      ...[s.oh, s.ow, o, s.o],
      ...[s.padTop, s.padLeft, s.dilY, s.dilX],
      0,
      ...[phasesY, phasesX, tilesY, tilesX],
      ...[tiles, block],
      0,
      ...[v!, 0],
    ]);
    const offsets = rt.words(tapOffsets(s));
    /** Arguments of the products of `count` tiles, and of the end. */
    const product = (count: number, first: number, panelsPerItem: number, panelItems: number) =>
      rt.words([
        ...[z!, v!, sums!, zPos, vPos, sumsPos],
        ...[count, 8 * count, o, panels, first],
        ...[panelsPerItem, panelItems],
        ...[dw, c, s.filter.o, s.filter.i, offsets],
      ]);
    for (let first = 0; first < tiles; first += block) {
      const count = Math.min(block, tiles - first);
      const perItem = ceilDiv(count, rt.threads * 4);
      const transform = rt.words([winograd, dy, z!, first, count, vPos, zPos, perItem]);
      rt.run('transformGradient', ceilDiv(count, perItem), transform, 4 * Math.max(c, o) + 2048);
      if (isOne) {
        const [panelsPerItem, items] = panelItems(rt, panels, strips);
        const args = product(count, 1, panelsPerItem, items);
        rt.run('tilesGradient', strips * items, args, rt.sizes.tilesGradientScratch());
      } else rt.run('multiplyGradient', 36 * strips, product(count, first === 0 ? 1 : 0, panels, 1));
    }
    if (!isOne) rt.run('finishGradient', strips, product(0, 0, 0, 0));
  });
}

/** dw, the gradient of the filter: the sum over all pixels of dy times the pixels around it in x. */
export function convolveFilterGradient(rt: Runtime, s: ConvCase, x: number, dy: number, dw: number): void {
  const c = s.c / s.groups;
  const o = s.o / s.groups;
  const winograd = s.kh === 3 && s.kw === 3 && s.strideY === 1 && s.strideX === 1 && c >= 8 && o >= 8;
  // Few tiles hardly pay for the 36 sums that have to be kept and transformed.
  const run = winograd && tilesOf(s).tiles >= 8 ? byWinograd : byProduct;
  for (let g = 0; g < s.groups; g++)
    run(rt, s, c, o, x + 4 * g * c, dy + 4 * g * o, dw + 4 * g * o * s.filter.o);
}
