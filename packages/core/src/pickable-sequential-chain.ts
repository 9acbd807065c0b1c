import type { Tensor } from '@tensorflow/tfjs-core';
import { Chain } from './chain.ts';
import { StructureMismatchError, UnknownNameError } from './errors.ts';
import { type CopyMemo, type CopyMode, Link } from './link.ts';
import type { Layer } from './sequential.ts';

export type Pick = string | readonly string[] | null;

const picks = new WeakMap<PickableSequentialChain, Pick>();

/**
 * A chain that runs its link and function fields in the order of assignment and can give the outputs of any of
 * them (ChainerCV's `PickableSequentialChain`). `namedparams` stays alphabetical, as in every chain.
 */
export class PickableSequentialChain extends Chain {
  /** The layers in the order they run. */
  get layerNames(): string[] {
    return Object.entries(this as Record<string, unknown>)
      .filter(([, value]) => value instanceof Link || typeof value === 'function')
      .map(([name]) => name);
  }

  /** Which outputs `call` gives: null the last layer's, a name that layer's, a list an array in the order of the list. */
  get pick(): Pick {
    return picks.get(this) ?? null;
  }

  set pick(pick: Pick) {
    const known = this.layerNames;
    for (const name of pick === null ? [] : [pick].flat()) {
      if (!known.includes(name)) throw new UnknownNameError(`${this.constructor.name}.pick`, name, known);
    }
    picks.set(this, pick);
  }

  private lastIndex(names: readonly string[]): number {
    const pick = this.pick;
    if (pick === null) return names.length - 1;
    return Math.max(...[pick].flat().map((name) => names.indexOf(name)));
  }

  /** Runs the layers up to the last picked one. */
  override forward(x: Tensor): Tensor | Tensor[] {
    const names = this.layerNames;
    const outputs = new Map<string, Tensor>();
    let h = x;
    for (const name of names.slice(0, this.lastIndex(names) + 1)) {
      const layer = (this as unknown as Record<string, Layer>)[name]!;
      h = (layer instanceof Link ? layer.call(h as never) : layer(h)) as Tensor;
      outputs.set(name, h);
    }
    const { pick } = this;
    if (pick === null) return h;
    return typeof pick === 'string' ? outputs.get(pick)! : pick.map((name) => outputs.get(name)!);
  }

  /** Takes a layer out and returns it (not disposed). @throws StructureMismatchError when it is picked. */
  deleteLayer(name: string): Layer {
    if (!this.layerNames.includes(name))
      throw new UnknownNameError(this.constructor.name, name, this.layerNames);
    if (this.pick !== null && [this.pick].flat().includes(name)) {
      throw new StructureMismatchError(
        `${this.path}/${name}`,
        'this layer is picked. Change `pick` before deleting it.',
      );
    }
    const fields = this as unknown as Record<string, Layer>;
    const layer = fields[name]!;
    delete fields[name];
    return layer;
  }

  /** Takes the layers behind the last picked one out and disposes them; nothing when `pick` is null. */
  removeUnused(): void {
    if (this.pick === null) return;
    const names = this.layerNames;
    for (const name of names.slice(this.lastIndex(names) + 1)) {
      const layer = this.deleteLayer(name);
      if (layer instanceof Link) layer.dispose();
    }
  }

  override copy(mode: CopyMode = 'share', memo: CopyMemo = new Map()): this {
    const copy = super.copy(mode, memo);
    picks.set(copy, this.pick);
    return copy;
  }
}
