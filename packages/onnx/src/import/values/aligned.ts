/** Values of several shapes brought to tensors that broadcast against each other. */
import * as tf from '@tensorflow/tfjs-core';
import { broadcastShape, type Dtype } from './host-array.ts';
import { type Order, plainOrder, Value } from './value.ts';

/** The order of a value as a value of more axes: the new ones, in front, are stored in front. */
function widened(order: Order, rank: number): Order {
  const lead = rank - order.length;
  return [...plainOrder(lead), ...order.map((axis) => axis + lead)];
}

/** The tensors of the values, whose axes lie as those of the largest value do and broadcast; and that order. */
export function aligned(values: readonly Value[]): { tensors: tf.Tensor[]; order: Order } {
  const rank = broadcastShape(values.map((value) => value.shape)).length;
  const largest = values.reduce((a, b) => (weightOf(b) > weightOf(a) ? b : a));
  const order = widened(largest.order, rank);
  const tensors = values.map((value) => {
    const lead = rank - value.rank;
    const own = order.filter((axis) => axis >= lead).map((axis) => axis - lead);
    const tensor = value.tensor(own);
    const shape = order.map((axis) => (axis < lead ? 1 : value.shape[axis - lead]!));
    return lead === 0 ? tensor : tf.reshape(tensor, shape);
  });
  return { tensors, order };
}

/** Where sizes are equal, the one that lies on the device already decides. */
const weightOf = (value: Value) => value.size * 2 + (value.constant === null ? 1 : 0);

/** fn of the tensors of the values, which broadcast. */
export function combine(
  values: readonly Value[],
  dtype: Dtype,
  fn: (...tensors: tf.Tensor[]) => tf.Tensor,
): Value {
  const { tensors, order } = aligned(values);
  return Value.device(fn(...tensors), dtype, order);
}

/** fn of a value's tensor, element by element, wherever its axes lie. */
export function mapped(value: Value, fn: (x: tf.Tensor) => tf.Tensor, dtype: Dtype = value.dtype): Value {
  const { stored } = value;
  const out = fn(stored);
  return Value.device(out === stored ? tf.clone(out) : out, dtype, value.order);
}
