/** The sizes of a convolution and the layout of its filter, as all its algorithms take them. */
import type { InputRange } from '../attrs.ts';
import type { DataKey } from '../tfjs-internals.ts';

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
  /** The ends of the input, where it may be rounded between them; null where not. */
  readonly inputRange: InputRange | null;
  readonly filter: FilterStrides;
}

/** The arguments of a job that tell the sizes, as the class ConvSizes has them. */
export const sizesOf = (s: Omit<ConvCase, 'o' | 'groups' | 'act' | 'inputRange' | 'filter'>) => ({
  ...{ batch: s.batch, h: s.h, w: s.w, c: s.c, oh: s.oh, ow: s.ow, kh: s.kh, kw: s.kw },
  ...{ strideY: s.strideY, strideX: s.strideX, padTop: s.padTop, padLeft: s.padLeft },
  ...{ dilY: s.dilY, dilX: s.dilX },
});

/** A filter's data, which identifies its values, and its address. */
export interface FilterData {
  readonly key: DataKey;
  readonly pointer: number;
}

/** What becomes of the sums before the activation: sum * scale + bias, by pointers; 0 for none. A scale comes with a bias. */
export interface After {
  readonly bias: number;
  readonly scale: number;
}

export const nothing: After = { bias: 0, scale: 0 };

/** That of the channels from `channel` on. */
export const afterFrom = ({ bias, scale }: After, channel: number): After => ({
  bias: bias && bias + 4 * channel,
  scale: scale && scale + 4 * channel,
});
