/**
 * Frees what a backward pass is done with. tfjs 4.22 keeps the gradients of all values, what gradient functions share, and all that the
 * forward pass saved, until the pass ends.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { recorder, type TapeNode } from './tfjs-internals.ts';

type Gradient = NonNullable<TapeNode['gradient']>;

/** A pass that is not recorded itself. It visits the nodes of the tape from the last to the first. */
export class BackwardPass {
  /** What is differentiated by: read late, as it may be chosen in the forward pass. */
  readonly #xs: readonly tf.Tensor[];
  /** Tensors with lower ids were there before the pass, and are not its own. */
  #first = Number.POSITIVE_INFINITY;
  /** How often a tensor is the gradient of a value, by its id. Those that are not here are so once. */
  readonly #uses = new Map<number, number>();
  /** The values that a gradient has reached, by id. */
  readonly #reached = new Set<number>();
  /** Frees what the last node leaves behind. */
  #leave: () => void = () => {};

  constructor(xs: readonly tf.Tensor[]) {
    this.#xs = xs;
  }

  /** Asks a node for the gradients of its inputs, after the node before has been left. */
  visit(node: TapeNode, gradient: Gradient, dys: (tf.Tensor | null)[]): ReturnType<Gradient> {
    const { state } = recorder();
    if (this.#first === Number.POSITIVE_INFINITY) this.#first = recorder().nextTensorId();
    this.#leave();
    const before = state.activeScope!.track.length;
    const grads = gradient(dys as tf.Tensor[]);
    const shared = state.activeScope!.track.slice(before);
    /** Gradients that tfjs adds to others, and then forgets. */
    const added: tf.Tensor[] = [];
    const given = (name: string, dx: tf.Tensor) => {
      this.#uses.set(dx.id, (this.#uses.get(dx.id) ?? (dys.includes(dx) ? 1 : 0)) + 1);
      const { id } = node.inputs[name]!;
      if (this.#reached.has(id)) added.push(dx);
      this.#reached.add(id);
      return dx;
    };
    this.#leave = () => {
      const isWanted = (i: number) => this.#xs.some(({ id }) => id === node.outputs[i]!.id);
      for (const dx of added) this.#release(dx);
      for (const [i, dy] of dys.entries()) if (dy !== null && !isWanted(i)) this.#release(dy);
      for (const tensor of shared) if (!tensor.kept && !this.#isUsed(tensor)) tensor.dispose();
      for (const tensor of node.saved) if (!this.#isUsed(tensor)) tensor.dispose();
    };
    return Object.fromEntries(Object.entries(grads).map(([name, dx]) => [name, () => given(name, dx())]));
  }

  #isUsed({ id }: tf.Tensor): boolean {
    return (this.#uses.get(id) ?? 0) > 0;
  }

  /** A value's gradient is not needed any more: it is freed where it is nobody else's. */
  #release(tensor: tf.Tensor): void {
    const uses = (this.#uses.get(tensor.id) ?? 1) - 1;
    this.#uses.set(tensor.id, uses);
    if (uses <= 0 && tensor.id > this.#first && !tensor.kept) tensor.dispose();
  }
}
