/** The jobs of Winograd's convolution: transforms around the matrix products of all positions. */
import { panelPlain } from '../micro-kernels.generated';
import { NR, PANELS, align64, ceilDiv, minI } from '../simd';
import { FilterArgs, filterPosition, transformFilter } from './filter';
import { tilesScratch, transformInput, transformTiles } from './input';
import { WinogradArgs, tileBytes, transformOutput, transformProducts } from './output';
import { packedPosition } from './tiles';

/**
 * The products of `rows` packed tiles with `panels` panels of u, position by position. What is returned must be stored, or the engine
 * reads nothing ahead.
 */
// @ts-ignore: decorator
@inline
function multiply(six: bool, c: i32, v: usize, vPos: i32, rows: i32, u: usize, uPos: i32, panels: i32, m: usize): i32 {
  let seen: i32 = 0;
  const panel = <usize>(c * NR) << 2;
  const product = <usize>rows * tileBytes(six);
  const positions = six ? 64 : 36;
  for (let pos = 0; pos < positions; pos++) {
    let b = u;
    let to = m;
    const following = pos + 1 < positions ? u + (<usize>uPos << 2) : 0;
    for (let p = 0; p < panels; p += PANELS) {
      const left = panels - p - PANELS;
      const next = left > 0 ? b + <usize>PANELS * panel : following;
      const nextEnd = next ? next + <usize>minI(PANELS, left > 0 ? left : panels) * panel : 0;
      seen ^= panelPlain(v, rows, c, b, to, tileBytes(six), next, nextEnd, minI(PANELS, panels - p), panel, product);
      b += <usize>PANELS * panel;
      to += <usize>PANELS * product;
    }
    v += <usize>vPos << 2;
    u += <usize>uPos << 2;
    m += 32;
  }
  return seen;
}

/** Bytes of scratch of one item: its transformed tiles, their products and the small tables. */
export function winogradScratch(six: bool, c: i32, o: i32, block: i32): usize {
  const v = (<usize>packedPosition(block, c) << 2) * (six ? 64 : 36);
  return v + <usize>(ceilDiv(o, NR) * block) * tileBytes(six) + tilesScratch(six, c) + 2048;
}

// @ts-ignore: decorator
@inline
function block(six: bool, item: i32, args: WinogradArgs, scratch: usize): void {
  const t0 = item * args.tilesPerItem;
  const t1 = minI(t0 + args.tilesPerItem, args.tiles);
  const rows = t1 - t0;
  const panels = ceilDiv(args.o, NR);
  const pos = packedPosition(rows, args.c);
  const v = align64(scratch);
  const m = v + (<usize>(pos * (six ? 64 : 36)) << 2);
  const rest = m + <usize>(panels * rows) * tileBytes(six);
  if (six) transformTiles(true, args, t0, t1, t0, rows, v, pos, 0, rest);
  else transformInput(args, t0, t1, t0, rows, v, pos, 0, rest);
  store<i32>(rest, multiply(six, args.c, v, pos, rows, args.u, args.uPos, panels, m));
  if (six) transformProducts(true, args, m, t0, t1, 0, panels, rest);
  else transformOutput(args, m, t0, t1, 0, panels, rest);
}

/** Job: one block of tiles, from the input to the output. */
export function winograd(item: i32, args: WinogradArgs, scratch: usize): void {
  block(false, item, args, scratch);
}

/** Job: the same with F(6x6). */
export function winograd6(item: i32, args: WinogradArgs, scratch: usize): void {
  block(true, item, args, scratch);
}

/** For few tiles and many channels: all tiles are transformed first, then items divide the out-channels. */
@unmanaged
export class WinogradSharedArgs extends WinogradArgs {
  /** The transformed tiles. */
  v: usize;
  /** Panels of out-channels that an item of the output takes. */
  panelsPerItem: i32;
  /** Instead of u: the filter as it is, of which each item transforms its own panels. */
  filter: FilterArgs | null;
}

/** Job: item transforms `tilesPerItem` of the tiles into args.v. */
export function winogradInput(item: i32, args: WinogradSharedArgs, scratch: usize): void {
  const t0 = item * args.tilesPerItem;
  transformInput(args, t0, minI(t0 + args.tilesPerItem, args.tiles), 0, args.tiles, args.v, packedPosition(args.tiles, args.c), 0, scratch);
}

/** Job, after winogradInput: item computes `panelsPerItem` panels of the output. */
export function winogradOutput(item: i32, args: WinogradSharedArgs, scratch: usize): void {
  const c = args.c;
  const p0 = item * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, ceilDiv(args.o, NR));
  const tiles = args.tiles;
  let m = align64(scratch);
  let u = args.u + (<usize>(p0 * c * NR) << 2);
  let uPos = args.uPos;
  const filter = args.filter;
  if (filter) {
    u = m;
    uPos = filterPosition(args.panelsPerItem * NR, c);
    m += <usize>(36 * uPos) << 2;
    transformFilter(filter, p0, p1, u, uPos, m);
  }
  const rest = m + <usize>((p1 - p0) * tiles) * tileBytes(false);
  store<i32>(rest, multiply(false, c, args.v, packedPosition(tiles, c), tiles, u, uPos, p1 - p0, m));
  transformOutput(args, m, 0, tiles, p0, p1, rest);
}
