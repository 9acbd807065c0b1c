/** Names of other frameworks. */
import { kerasVgg16, tinyVgg } from './keras.ts';
import type { NameMap } from './name-map.ts';
import { torchvisionSsd300, torchvisionVgg16 } from './torchvision.ts';

export { type KerasLayer, kerasNames } from './keras.ts';
export type { MappedName, NameMap } from './name-map.ts';
export type { ArrayPlan, ArrayTransform } from './transform.ts';
export { denseToLinear, depthwiseToOihw, flattenedToLinear, hwioToOihw, permuted } from './transform.ts';

/** The maps by name. */
export const nameMaps = {
  'torchvision-vgg16': torchvisionVgg16,
  'torchvision-ssd300': torchvisionSsd300,
  'keras-vgg16': kerasVgg16,
  'tiny-vgg': tinyVgg,
} as const satisfies Record<string, NameMap>;

export type NameMapName = keyof typeof nameMaps;
