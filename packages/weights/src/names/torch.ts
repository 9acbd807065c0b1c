/** PyTorch's names for models of one's own: a module of the same structure, attribute by attribute. */
import {
  type ArrayTransform,
  BatchNormalization,
  DepthwiseConvolution2D,
  GroupNormalization,
  InvalidArgumentError,
  LayerNormalization,
  Link,
  type MappedName,
  type NameMap,
  Sequential,
  type Serializable,
} from '@chaingrad/core';
import { linkPaths, splitKey } from './link-paths.ts';

const parameters = new Map([
  ['W', 'weight'],
  ['b', 'bias'],
]);

const normalization = new Map([
  ['gamma', 'weight'],
  ['beta', 'bias'],
  ['avg_mean', 'running_mean'],
  ['avg_var', 'running_var'],
  ['N', 'num_batches_tracked'],
]);

const isNormalization = (link: Link | undefined): boolean =>
  [BatchNormalization, LayerNormalization, GroupNormalization].some((type) => link instanceof type);

/** PyTorch's kernels of a grouped convolution (in * multiplier, 1, kh, kw) as (multiplier, in, kh, kw). */
const groupedToDepthwise =
  (multiplier: number): ArrayTransform =>
  (shape) => {
    const [out, one, kh, kw] = shape;
    if (shape.length !== 4 || one !== 1 || out! % multiplier !== 0) return null;
    const channels = out! / multiplier;
    return {
      view: [channels, multiplier, kh!, kw!],
      order: [1, 0, 2, 3],
      shape: [multiplier, channels, kh!, kw!],
    };
  };

/**
 * The names that a PyTorch module has whose attributes are named as this model's: `layer1/0/conv1/W` is `layer1.0.conv1.weight`,
 * `bn1/avg_var` is `bn1.running_var`. Functions of a Sequential count, as `nn.ReLU` does in PyTorch's.
 *
 * It reads (`load(model, 'mine.pth', { names: 'torch' })`) and writes (`save('mine.safetensors', model, { names: 'torch' })`); a
 * DepthwiseConvolution2D, whose layout differs, is read only. Recurrent links and MultiHeadAttention, whose weights PyTorch keeps in one
 * piece, need a map of one's own. Values are taken as they are: the module computes the same where
 * the options are the same (BatchNormalization's `eps` is 1e-5 in PyTorch, 2e-5 here).
 * @param target a link.
 * @throws InvalidArgumentError for something else: PyTorch's optimizers keep other values.
 */
export function torch(target: Serializable): NameMap {
  if (!(target instanceof Link)) throw new InvalidArgumentError("names 'torch'", 'a link', 'something else');
  const links = new Map([...target.namedlinks()].map(([path, link]) => [path.replace(/^\//, ''), link]));
  const paths = linkPaths(target, torchChildren);
  const names = [...target.serialEntries()].map(({ key }): [string, MappedName] => {
    const [path, rest] = splitKey(paths, key);
    const link = path === '' ? target : links.get(path);
    const leaf = (isNormalization(link) ? normalization : parameters).get(rest) ?? rest;
    const from = [...(path === '' ? [] : paths.get(path)!.split('/')), leaf].join('.');
    if (rest !== 'W' || !(link instanceof DepthwiseConvolution2D)) return [key, { from }];
    return [key, { from, transform: groupedToDepthwise(link.channelMultiplier) }];
  });
  // Files from before 0.4.1 have no counters.
  return { title: 'PyTorch', names: Object.fromEntries(names), absent: /(^|\/)N$/ };
}

/** The numbers of a Sequential's links among all its layers. */
const torchChildren = (link: Link): string[] | null =>
  link instanceof Sequential
    ? [...link.layers.entries()].filter(([, layer]) => layer instanceof Link).map(([i]) => `${i}`)
    : null;
