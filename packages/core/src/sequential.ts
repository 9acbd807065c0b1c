import type { Tensor } from '@tensorflow/tfjs-core';
import { ChainList, linksOf } from './chain-list.ts';
import { InvalidArgumentError, StructureMismatchError } from './errors.ts';
import { type CopyMemo, type CopyMode, Link } from './link.ts';

/** What a Sequential runs: a link, or a plain function over tensors. */
// biome-ignore lint/suspicious/noExplicitAny: a layer takes whatever the one before it gives
export type Layer = Link | ((...args: any[]) => unknown);

const layersOf = new WeakMap<Sequential, Layer[]>();

/**
 * Layers run one after the other (Chainer's `Sequential`). Only links are children, numbered by their position *among the
 * links*: `new Sequential(new Linear(4), relu, new Linear(2))` has `/0/W` and `/1/W`.
 *
 * Chainer numbers the children 0, n-1, ..., 1 when the first layer is a link (chainer#6053); here they are 0, 1, 2, ...
 * `loadNpz` has `sequentialOrder: 'chainer'` for files written by it.
 */
export class Sequential extends ChainList {
  constructor(...layers: Layer[]) {
    super();
    this.extend(layers);
  }

  /** The layers, links and functions, in order. A copy: change them by the methods. */
  get layers(): readonly Layer[] {
    return [...(layersOf.get(this) ?? [])];
  }

  private change(layers: Layer[]): this {
    for (const layer of layers) {
      if (!(layer instanceof Link) && typeof layer !== 'function') {
        throw new InvalidArgumentError(this.constructor.name, 'a link or a function', typeof layer);
      }
    }
    layersOf.set(this, layers);
    const links = linksOf(this);
    links.splice(0, links.length, ...layers.filter((layer): layer is Link => layer instanceof Link));
    return this;
  }

  /** Feeds each layer's output to the next; an array is spread into arguments. */
  override forward(...args: readonly unknown[]): Tensor {
    const layers = this.layers;
    if (layers.length === 0)
      throw new StructureMismatchError(this.path || '/', 'an empty Sequential cannot be called.');
    let values: readonly unknown[] = args;
    for (const layer of layers) {
      const out = layer instanceof Link ? layer.call(...(values as never[])) : layer(...values);
      values = Array.isArray(out) ? out : [out];
    }
    return (values.length === 1 ? values[0] : values) as Tensor;
  }

  append(layer: Layer): this {
    return this.change([...this.layers, layer]);
  }

  extend(layers: Iterable<Layer>): this {
    return this.change([...this.layers, ...layers]);
  }

  /** Inserts before the layer at `index` (counted over all layers). */
  insertLayer(index: number, layer: Layer): this {
    if (!Number.isInteger(index) || index < 0 || index > this.layers.length) {
      throw new InvalidArgumentError(
        'Sequential.insertLayer',
        `an integer index in 0..${this.layers.length}`,
        index,
      );
    }
    return this.change([...this.layers.slice(0, index), layer, ...this.layers.slice(index)]);
  }

  /** Takes the layer at `index` (the last by default) out and returns it. */
  pop(index = -1): Layer {
    const layers = [...this.layers];
    const [layer] = layers.splice(index, 1);
    if (layer === undefined)
      throw new InvalidArgumentError('Sequential.pop', `an index below ${layers.length}`, index);
    this.change(layers);
    return layer;
  }

  /** Removes the first occurrence of `layer`. */
  removeLayer(layer: Layer): this {
    const index = this.layers.indexOf(layer);
    if (index < 0) throw new InvalidArgumentError('Sequential.removeLayer', 'one of its layers', layer);
    this.pop(index);
    return this;
  }

  /** Removes every layer whose class or function has this name. */
  removeByLayerType(name: string): this {
    return this.change(this.layers.filter((layer) => layerType(layer) !== name));
  }

  countByLayerType(name: string): number {
    return this.layers.filter((layer) => layerType(layer) === name).length;
  }

  clear(): this {
    return this.change([]);
  }

  /** A new Sequential of the layers of both. */
  concat(other: Sequential): Sequential {
    return new Sequential(...this.layers, ...other.layers);
  }

  /** A new Sequential in which nested ones are inlined. */
  flatten(): Sequential {
    return new Sequential(
      ...this.layers.flatMap((layer): readonly Layer[] =>
        layer instanceof Sequential ? layer.flatten().layers : [layer],
      ),
    );
  }

  // A ChainList edits links; here the layers are the truth and the links follow.
  override insert(index: number, link: Link): this {
    return this.insertLayer(index, link);
  }

  override remove(index: number): Link {
    const link = this.at(index);
    this.pop(this.layerIndex(index));
    return link;
  }

  protected override setChild(name: string, link: Link): void {
    this.change(this.layers.with(this.layerIndex(Number(name)), link));
  }

  /** The position among all layers of the link at `index`. */
  private layerIndex(index: number): number {
    const positions = [...this.layers.entries()].filter(([, layer]) => layer instanceof Link).map(([i]) => i);
    return positions.at(index)!;
  }

  override copy(mode: CopyMode = 'share', memo: CopyMemo = new Map()): this {
    const done = memo.get(this);
    if (done !== undefined) return done as this;
    const copy = super.copy(mode, memo);
    return copy.change(this.layers.map((layer) => (layer instanceof Link ? layer.copy(mode, memo) : layer)));
  }

  override toString(): string {
    const lines = this.layers.map((layer, i) => {
      const text = layer instanceof Link ? layer.toString() : layerType(layer);
      return `  (${i}): ${text.replaceAll('\n', '\n  ')}`;
    });
    return [`${this.constructor.name}(`, ...lines, ')'].join('\n');
  }
}

const layerType = (layer: Layer): string => (layer instanceof Link ? layer.constructor.name : layer.name);

/**
 * A Sequential of `n` copies of a link (Chainer's `Link.repeat`); n <= 0 gives an empty one.
 * @param mode how each copy is made; 'init' draws fresh weights.
 */
export function repeat(link: Link, n: number, mode: CopyMode = 'init'): Sequential {
  return new Sequential(...Array.from({ length: Math.max(0, n) }, () => link.copy(mode)));
}
