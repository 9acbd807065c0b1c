/** What the constructors of links share. */
import * as tf from '@tensorflow/tfjs-core';
import {
  type Initializer,
  type InitializerLike,
  LeCunNormal,
  type Shape,
  toInitializer,
} from '../initializers.ts';
import { Parameter, type PartialShape } from '../parameter.ts';

/** An initializer, or null for the default: LeCunNormal for weights, 0 for biases. */
export type InitializerOption = InitializerLike | null;

/** A plain array has no shape of its own: its values wait for the parameter's. */
const waiting = (initial: InitializerLike): Initializer | tf.Tensor =>
  initial instanceof tf.Tensor ? initial : toInitializer(initial);

/** A weight. Dimensions that are null are found later. The name is for messages before the link is first traversed. */
export function weight(name: string, initial: InitializerOption | undefined, shape: PartialShape): Parameter {
  if (!(initial instanceof tf.Tensor)) {
    return new Parameter(waiting(initial ?? new LeCunNormal()), shape, name);
  }
  const parameter = new Parameter(null, shape, name);
  parameter.assign(initial);
  return parameter;
}

/** A bias or another parameter that starts from one number, 0 by default; its shape may be found later. */
export function bias(
  name: string,
  initial: InitializerOption | undefined,
  shape: Shape | null = null,
  fill = 0,
): Parameter {
  return new Parameter(waiting(initial ?? fill), shape, name);
}
