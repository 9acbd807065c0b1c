/** Arithmetic of integers on tensors of int32 (which stand for int8 to uint64), and casts between types. */
import * as tf from '@tensorflow/tfjs-core';
import type { Dtype } from '../values/host-array.ts';

const bits: Partial<Record<Dtype, readonly [bits: number, signed: boolean]>> = {
  int8: [8, true],
  uint8: [8, false],
  int16: [16, true],
  uint16: [16, false],
};

/** Brings integers into the range of their type, as C does: 250 + 10 is 4 in uint8. Other types pass. */
export function wrapped(x: tf.Tensor, dtype: Dtype): tf.Tensor {
  const range = bits[dtype];
  if (range === undefined) return x;
  const size = 2 ** range[0];
  const low = range[1] ? size / 2 : 0;
  const up = tf.add(tf.cast(x, 'int32'), tf.scalar(low, 'int32'));
  return tf.sub(floorMod(up, tf.scalar(size, 'int32')), tf.scalar(low, 'int32'));
}

/** x - y floor(x / y), exact for integers that float32 holds. */
function floorMod(x: tf.Tensor, y: tf.Tensor): tf.Tensor {
  const [a, b] = [tf.cast(x, 'float32'), tf.cast(y, 'float32')];
  return tf.cast(tf.sub(a, tf.mul(b, tf.floor(tf.div(a, b)))), 'int32');
}

/** The quotient of integers, towards zero. */
export function divideIntegers(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  return truncatedInt(tf.div(tf.cast(a, 'float32'), tf.cast(b, 'float32')));
}

/** Floats without their fraction, as integers. */
export function truncatedInt(x: tf.Tensor): tf.Tensor {
  return tf.cast(tf.mul(tf.sign(x), tf.floor(tf.abs(x))), 'int32');
}

/** The remainder with the sign of the divisor, or with that of the dividend (C's fmod). */
export function remainder(a: tf.Tensor, b: tf.Tensor, fmod: boolean): tf.Tensor {
  const [x, y] = [tf.cast(a, 'float32'), tf.cast(b, 'float32')];
  const quotient = tf.div(x, y);
  const whole = fmod ? tf.mul(tf.sign(quotient), tf.floor(tf.abs(quotient))) : tf.floor(quotient);
  return tf.cast(tf.sub(x, tf.mul(y, whole)), a.dtype);
}
