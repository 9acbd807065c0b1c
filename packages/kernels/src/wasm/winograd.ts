/** 3x3 convolution of stride 1 by Winograd's algorithm: when it is worth its transforms, and over which blocks. */
import { ceilDiv } from './ceil-div.ts';
import type { After, FilterData } from './convolution-case.ts';
import type { FilterArgs } from './layouts.generated.ts';
import type { Runtime } from './runtime.ts';

/** The sizes of a 3x3 convolution of stride 1, of one group. */
export interface Winograd {
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

/** The grid of tiles: phases of the dilation, tiles of each phase, and all tiles of all images. */
export interface TileGrid {
  readonly phasesY: number;
  readonly phasesX: number;
  readonly tilesY: number;
  readonly tilesX: number;
  readonly tiles: number;
}

/** The tiles of 4x4 (or `size`) outputs, on a grid of their own for each phase of a dilated convolution. */
export function tilesOf(
  s: { batch: number; oh: number; ow: number; dilY: number; dilX: number },
  size = 4,
): TileGrid {
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

/** The arguments of a job over tiles that describe its input, its output and its tiles. */
export const tileArgs = (s: Omit<Winograd, 'batch' | 'act'>, grid: TileGrid, x: number) => ({
  ...{ x, h: s.h, w: s.w, c: s.c, xPixel: s.xPixel },
  ...{ oh: s.oh, ow: s.ow, o: s.o, outPixel: s.outPixel },
  ...{ padTop: s.padTop, padLeft: s.padLeft, dilY: s.dilY, dilX: s.dilX },
  ...grid,
});

/** Whether Winograd's 36 products over tiles cost less than 9 over pixels. */
export function worthWinograd(s: Winograd): boolean {
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

/**
 * Tiles of one block: its transformed inputs and products should stay in the second-level cache. A filter of more channels does not,
 * and should be read rarely.
 */
function tileBlock(c: number, tiles: number, threads: number, six: boolean): number {
  const most = six ? (c < 256 ? 12 : 36) : c < 256 ? 48 : c < 512 ? 96 : 144;
  const blocks = ceilDiv(tiles, most);
  return ceilDiv(tiles, threads > 1 ? ceilDiv(blocks, threads) * threads : blocks);
}

/**
 * Up to this many tiles, each item transforms its part of a filter that is used once: a pass of its own would write the
 * transformed filter to memory and read it back.
 */
const FEW_TILES = 160;

/**
 * Up to this many tiles, that is so at every use: reading a transformed filter of several times the size from memory takes about as long as
 * transforming it anew (SSD300's last convolutions, on one thread of a Zen 5: 12.6 ms instead of 11.4; with registers of 256 bits 7.6 instead of
 * 8.1), and these are the filters that would fill the memory.
 */
const UNKEPT_TILES = 40;

/** Bytes of a filter transformed at a time, about: they should stay in the second-level cache. */
const TRANSFORMED = 1.25 * 2 ** 20;

/** Element (0, 0) of the first tap of a filter, and floats to the next out-channel, in-channel and tap. */
export interface WinogradLayout {
  readonly offset: number;
  readonly n: number;
  readonly k: number;
  readonly tap: number;
}

/** The convolution by Winograd's algorithm. */
export function runWinograd(
  rt: Runtime,
  s: Winograd,
  filter: FilterData,
  layout: WinogradLayout,
  x: number,
  after: After,
  out: number,
): void {
  const six = worthLargeTiles(s);
  const grid = tilesOf(s, six ? 6 : 4);
  const { tiles } = grid;
  const positions = six ? 64 : 36;
  const uPos = rt.sizes.filterPosition(s.o, s.c);
  const panels = ceilDiv(s.o, 8);
  const panelsAtATime = Math.max(1, Math.floor(TRANSFORMED / (1152 * s.c)));
  const source: FilterArgs = {
    w: filter.pointer + 4 * layout.offset,
    ...{ n: s.o, k: s.c, strideN: layout.n, strideK: layout.k, strideTap: layout.tap },
  };
  const shape = { ...tileArgs(s, grid, x), ...after, out, act: s.act };
  const fill = (u: number) => {
    const panelsPerItem = ceilDiv(panels, rt.threads * 4);
    const job = six ? 'winogradFilter6' : 'winogradFilter';
    rt.run(job, ceilDiv(panels, panelsPerItem), { ...source, u, uPos, panelsPerItem });
  };
  /**
   * All tiles are transformed first, then items divide the out-channels. Without a prepared filter, u is 0, and each item
   * transforms its own part of the filter.
   */
  const useShared = (u: number) => {
    const tilesPerItem = ceilDiv(tiles, Math.min(tiles, rt.threads * 4));
    const most = u === 0 ? panelsAtATime : panels;
    const panelsPerItem = Math.min(most, ceilDiv(panels, rt.threads > 1 ? rt.threads * 4 : 1));
    const own = u === 0 ? 4 * 36 * rt.sizes.filterPosition(8 * panelsPerItem, s.c) : 0;
    rt.heap.withBlocks([4 * 36 * rt.sizes.packedPosition(tiles, s.c)], (v) => {
      const args = { ...shape, u, uPos, tilesPerItem, v: v!, panelsPerItem, filter: u === 0 ? source : null };
      rt.run('winogradInput', ceilDiv(tiles, tilesPerItem), args, rt.sizes.tilesScratch(false, s.c));
      const scratch = rt.sizes.winogradScratch(false, 1, 8 * panelsPerItem, tiles);
      rt.run('winogradOutput', ceilDiv(panels, panelsPerItem), args, scratch + own);
    });
  };
  const use = (u: number) => {
    const tilesPerItem = tileBlock(s.c, tiles, rt.threads, six);
    // Few tiles: threads share them.
    if (!six && rt.threads > 1 && tiles < 2 * rt.threads * tilesPerItem) return useShared(u);
    const scratch = rt.sizes.winogradScratch(six, s.c, s.o, tilesPerItem);
    const job = six ? 'winograd6' : 'winograd';
    rt.run(job, ceilDiv(tiles, tilesPerItem), { ...shape, u, uPos, tilesPerItem }, scratch);
  };
  if (!six && tiles <= UNKEPT_TILES) {
    useShared(0);
    return;
  }
  const few = !six && tiles <= FEW_TILES;
  const form = {
    name: `winograd/${positions}/${s.o}/${s.c}/${layout.offset}/${layout.n}/${layout.k}/${layout.tap}`,
    bytes: 4 * positions * uPos,
    // Transformed part by part it needs the tiles once for each part; as a whole it goes to memory and comes back.
    cost: few ? 1 + tiles / (8 * panelsAtATime) : 5,
  };
  rt.filters.with(filter.key, form, fill, use, few ? () => useShared(0) : undefined);
}
