import type { NameMapFor } from '@chaingrad/core';
import { type LoadOptions, nameMaps, type Rgb } from '@chaingrad/weights';

/** What a map of torchvision's or timm's names fixes of a model, unless it is given. */
export function torchvisionDefaults({ names }: LoadOptions): { arch?: 'torchvision'; mean?: Rgb } {
  if (typeof names !== 'string' || !/^(torchvision|timm)-/.test(names)) return {};
  // `load` says that it is none, and which there are.
  if (!Object.hasOwn(nameMaps, names)) return {};
  const map: NameMapFor = nameMaps[names];
  const mean = 'mean' in map ? map.mean : undefined;
  return { arch: 'torchvision', ...(mean === undefined ? {} : { mean }) };
}
