/** The gradient of a convolution's filter. */
import { ceilDiv } from './ceil-div.ts';
import type { ConvCase } from './convolution-case.ts';
import type { Runtime } from './runtime.ts';
import { tileArgs, tilesOf } from './winograd.ts';

/** Pixels gathered at a time (im2col): a strip of dy and a panel of x then fit the second-level cache, and jobs are few. */
const PIXELS = 1024;

/** Bytes of transformed tiles at a time, about: they should stay in the second-level cache. */
const TRANSFORMED = 3 << 20;

/** Up to this many tiles form one block, whose accumulators stay in the caches. */
const ONE_BLOCK = 128;

/** The arguments of a job that writes the gradient of the filter. */
function gradientArgs(s: ConvCase, c: number, o: number, dw: number, panels: number) {
  const taps: number[] = [];
  for (let ky = 0; ky < s.kh; ky++)
    for (let kx = 0; kx < s.kw; kx++) taps.push(ky * s.filter.y + kx * s.filter.x);
  return { dw, o, c, strideO: s.filter.o, strideC: s.filter.i, taps, panels };
}

/** Blocks of panels so that all threads have several items. */
function panelBlocks(rt: Runtime, panels: number, others: number): [panelsPerItem: number, items: number] {
  const wanted = rt.threads === 1 ? 1 : ceilDiv(rt.threads * 4, others);
  const perItem = ceilDiv(panels, Math.min(panels, wanted));
  return [perItem, ceilDiv(panels, perItem)];
}

/** Bytes of gathered pixels at a time, at most: with very large filters fewer pixels than `PIXELS` are gathered. */
const GATHERED = 1 << 28;

/** Over blocks of pixels: a strip of dy by a panel of the gathered x (im2col). */
function byPixels(rt: Runtime, s: ConvCase, c: number, o: number, x: number, dy: number, dw: number): void {
  const taps: number[] = [];
  for (let ky = 0; ky < s.kh; ky++)
    for (let kx = 0; kx < s.kw; kx++) taps.push(ky * s.dilY - s.padTop, kx * s.dilX - s.padLeft);
  const rows = s.batch * s.oh * s.ow;
  const panels = ceilDiv(s.kh * s.kw * c, 8);
  const strips = ceilDiv(o, 24);
  const most = Math.min(rows, PIXELS, Math.max(1, Math.floor(GATHERED / (32 * panels))));
  const sumsPos = rt.sizes.sumsPosition(o, panels);
  const bytes = [4 * strips * 24 * most, 4 * panels * (8 * most + 16), 4 * sumsPos];
  rt.heap.withBlocks(bytes, (a, b, sums) => {
    const [panelsPerItem, panelItems] = panelBlocks(rt, panels, strips);
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first);
      const perItem = ceilDiv(count, rt.threads * 4);
      const bPanel = 8 * count + 16;
      rt.run('gatherGradient', ceilDiv(count, perItem), {
        ...{ x, dy, a: a!, b: b!, taps },
        ...{ h: s.h, w: s.w, c, xPixel: s.c },
        ...{ rowsY: s.oh, rowsX: s.ow, strideY: s.strideY, strideX: s.strideX },
        ...{ o, outPixel: s.o, first, count, bPanel, perItem },
      });
      rt.run('multiplyGradient', strips * panelItems, {
        ...{ a: a!, b: b!, sums: sums!, aPos: 0, bPos: 0, sumsPos },
        ...{ k: count, bPanel, o, panels, first: first === 0, panelsPerItem, panelItems },
      });
    }
    rt.run('scatterGradient', strips, { ...gradientArgs(s, c, o, dw, panels), sums: sums! });
  });
}

/** Tiles of one block, of which there are as few as the caches allow. */
function tileBlock(tiles: number, channels: number): number {
  if (tiles <= ONE_BLOCK) return tiles;
  return ceilDiv(tiles, ceilDiv(tiles, Math.max(96, Math.floor(TRANSFORMED / (144 * channels)))));
}

/** Over blocks of Winograd's tiles. */
function byTiles(rt: Runtime, s: ConvCase, c: number, o: number, x: number, dy: number, dw: number): void {
  const grid = tilesOf(s);
  const { tiles } = grid;
  const block = tileBlock(tiles, c + o);
  const isOne = block === tiles;
  const panels = ceilDiv(c, 8);
  const strips = ceilDiv(o, 24);
  const vPos = rt.sizes.panelPosition(block, c);
  const zPos = rt.sizes.stripPosition(block, o);
  const sumsPos = rt.sizes.sumsPosition(o, panels);
  const gradient = gradientArgs(s, c, o, dw, panels);
  rt.heap.withBlocks([144 * vPos, 144 * zPos, isOne ? 0 : 144 * sumsPos], (v, z, sums) => {
    const shape = tileArgs({ ...s, c, o, xPixel: s.c, outPixel: s.o }, grid, x);
    for (let first = 0; first < tiles; first += block) {
      const count = Math.min(block, tiles - first);
      const perItem = ceilDiv(count, rt.threads * 4);
      const transform = { ...shape, dy, v: v!, z: z!, first, count, vPos, zPos, perItem };
      rt.run(
        'transformGradient',
        ceilDiv(count, perItem),
        transform,
        rt.sizes.transformGradientScratch(c, o),
      );
      const operands = { a: z!, b: v!, aPos: zPos, bPos: vPos, k: count, bPanel: 8 * count };
      if (isOne) {
        const [panelsPerItem, panelItems] = panelBlocks(rt, panels, strips);
        const args = { ...gradient, ...operands, panelsPerItem, panelItems };
        rt.run('tilesGradient', strips * panelItems, args, rt.sizes.tilesGradientScratch());
      } else
        rt.run('multiplyGradient', 36 * strips, {
          ...operands,
          ...{ sums: sums!, sumsPos, o, panels, first: first === 0, panelsPerItem: panels, panelItems: 1 },
        });
    }
    if (!isOne) rt.run('finishGradient', strips, { ...gradient, sums: sums!, sumsPos });
  });
}

/** dw, the gradient of the filter: the sum over all pixels of dy times the pixels around it in x. */
export function convolveFilterGradient(rt: Runtime, s: ConvCase, x: number, dy: number, dw: number): void {
  const c = s.c / s.groups;
  const o = s.o / s.groups;
  const winograd = s.kh === 3 && s.kw === 3 && s.strideY === 1 && s.strideX === 1 && c >= 8 && o >= 8;
  // Few tiles hardly pay for the 36 sums that have to be kept and transformed.
  const run = winograd && tilesOf(s).tiles >= 8 ? byTiles : byPixels;
  for (let g = 0; g < s.groups; g++)
    run(rt, s, c, o, x + 4 * g * c, dy + 4 * g * o, dw + 4 * g * o * s.filter.o);
}
