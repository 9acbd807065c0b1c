/** One node with weights of its own, as a link: a convolution, a dense layer, a normalization. */
import { Link, type Parameter, Persistent, StructureMismatchError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import type { FusedActivation } from '../ops/convolution.ts';
import { convolution } from '../ops/convolution.ts';
import { Call, type Surroundings } from '../ops/rule.ts';
import type { NodeStep } from '../plan/program.ts';
import { channelsLast, plainOrder, Value } from '../values/value.ts';
import { Held } from './held.ts';

/** What an `OnnxLayer` is made from. */
export interface LayerSpec {
  readonly step: NodeStep;
  readonly opset: number;
  /** For each input of the node: the field that holds it, or null where it is left out. The first is what is called with. */
  readonly fields: readonly (string | null)[];
}

/** Weights and activation that take the place of the layer's own for one call. */
export interface Replacement {
  readonly weight: tf.Tensor;
  readonly bias: tf.Tensor | null;
  readonly activation: FusedActivation;
}

/**
 * A layer of an imported network. Pictures go in and out with channels last, as everywhere in chaingrad; a link that takes its
 * place by `replace` does the same.
 */
export class OnnxLayer extends Link {
  private readonly held: Held<LayerSpec>;

  constructor(spec: LayerSpec) {
    super();
    this.held = new Held(spec);
  }

  /** The node that the layer computes. */
  get spec(): LayerSpec {
    return this.held.value;
  }

  /** The order in which the layer takes and gives its tensors. */
  static orderOf(step: NodeStep, rank: number) {
    return step.rule.layer === 'channels-last' ? channelsLast(rank) : plainOrder(rank);
  }

  /** A weight or running statistic. @throws StructureMismatchError when the field is gone. */
  tensorOf(field: string): tf.Tensor {
    const found = (this as unknown as Record<string, Parameter | Persistent<tf.Tensor>>)[field];
    if (found === undefined) throw new StructureMismatchError(this.path, `it has no '${field}' any more.`);
    return found instanceof Persistent ? found.value : (found.array ?? found.tensor);
  }

  /** @param x of the layer's input, (N, H, W, C) where it is a picture. */
  override forward(x: tf.Tensor, replacement?: Replacement): tf.Tensor {
    const { step, opset, fields } = this.spec;
    const order = OnnxLayer.orderOf(step, x.rank);
    const input = Value.borrowed(x, 'float32', order);
    const inputs = fields.map((field, i) =>
      i === 0 ? input : field === null ? null : Value.borrowed(this.tensorOf(field), 'float32'),
    );
    if (replacement !== undefined) {
      const { weight, bias, activation } = replacement;
      const given = [input, Value.borrowed(weight, 'float32'), bias && Value.borrowed(bias, 'float32')];
      return convolution(new Call(step.node, opset, given), activation).tensor(order);
    }
    const call = new Call(step.node, opset, inputs, this.surroundings());
    const result = step.rule.run(call);
    const out = Array.isArray(result) ? (result[0] as Value) : (result as Value);
    return out.tensor(OnnxLayer.orderOf(step, out.rank));
  }

  private surroundings(): Surroundings {
    const { step, fields } = this.spec;
    const statistics = (step.rule.statistics ?? []).map((i) => fields[i]);
    if (statistics.length === 0) return {};
    return {
      moveStatistics: (...moved) => {
        if (tf.getBackend() === shapesOnly) return;
        moved.forEach((value, i) => {
          const field = (this as unknown as Record<string, unknown>)[statistics[i]!];
          if (field instanceof Persistent) field.value = value.tensor();
        });
      },
    };
  }

  override get printableSpecs() {
    const attributes = [...this.spec.step.node.attributes].map(([name, { value }]) => [name, value] as const);
    return { op: this.spec.step.node.op, ...Object.fromEntries(attributes) };
  }
}

/** The backend of core that computes shapes and no values. */
export const shapesOnly = 'chaingrad-meta';
