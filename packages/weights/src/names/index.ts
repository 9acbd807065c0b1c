/** Names of other frameworks. */
import { InvalidArgumentError, type NameMap, type NameMapFor } from '@chaingrad/core';
import { chainerSequential } from './chainer-sequential.ts';
import { kerasVgg16, tinyVgg } from './keras.ts';
import { mobilenetV1Face, mobilenetV2 } from './mobilenet.ts';
import { torch } from './torch.ts';
import {
  timmMobilenetV2,
  torchvisionMobilenetV2,
  torchvisionResnet18,
  torchvisionResnet34,
  torchvisionResnet50,
  torchvisionResnet101,
  torchvisionResnet152,
  torchvisionSsd300,
  torchvisionVgg16,
} from './torchvision.ts';

export { type KerasLayer, kerasNames } from './keras.ts';
export { denseToLinear, depthwiseToOihw, flattenedToLinear, hwioToOihw, permuted } from './transform.ts';

/** The maps by name. */
export const nameMaps = {
  'torchvision-vgg16': torchvisionVgg16,
  'torchvision-ssd300': torchvisionSsd300,
  'torchvision-mobilenet_v2': torchvisionMobilenetV2,
  'timm-mobilenetv2_100': timmMobilenetV2,
  'torchvision-resnet18': torchvisionResnet18,
  'torchvision-resnet34': torchvisionResnet34,
  'torchvision-resnet50': torchvisionResnet50,
  'torchvision-resnet101': torchvisionResnet101,
  'torchvision-resnet152': torchvisionResnet152,
  'keras-vgg16': kerasVgg16,
  'tiny-vgg': tinyVgg,
  'mediapipe-ssd-mobilenet-v2': mobilenetV2,
  'face-api-ssd-mobilenet-v1': mobilenetV1Face,
  'chainer-sequential': chainerSequential,
  torch,
} as const satisfies Record<string, NameMapFor>;

export type NameMapName = keyof typeof nameMaps;

/**
 * Whether a file has the names of another framework that a map begins with.
 * @param file an opened one.
 * @param map of names.
 */
export function hasNamesOf(file: { has(key: string): boolean }, map: NameMap): boolean {
  const [{ from } = { from: [] }] = Object.values(map.names);
  return [from].flat().some((name) => typeof name === 'string' && file.has(name));
}

/**
 * A map by its name, or the map itself.
 * @throws InvalidArgumentError for a name that is none.
 */
export function resolveNames(names: NameMapFor | NameMapName | undefined): NameMapFor | undefined {
  if (typeof names !== 'string') return names;
  if (Object.hasOwn(nameMaps, names)) return nameMaps[names];
  throw new InvalidArgumentError('names', `one of ${Object.keys(nameMaps).join(', ')}, or a map`, names);
}
