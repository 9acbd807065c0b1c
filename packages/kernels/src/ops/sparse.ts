import * as tf from '@tensorflow/tfjs-core';
import { SPARSE_ARG_MAX, SPARSE_MAT_MUL } from '../attrs.ts';
import type { CSRMatrix } from '../csr-matrix.ts';
import { KernelArgumentError } from '../errors.ts';
import { runKernel } from '../run.ts';
import { checkTensor } from './validate.ts';

function checkRows(op: string, matrix: CSRMatrix, x: tf.Tensor2D): void {
  checkTensor(op, 'x', x, ['rows', 'channels']);
  const [, columns] = matrix.shape;
  if (x.shape[0] !== columns)
    throw new KernelArgumentError(
      op,
      'x',
      `of ${columns} rows, as many as the matrix has columns`,
      `${x.shape[0]}`,
    );
}

/**
 * The product of a sparse matrix and x, differentiable in x any number of times on every backend.
 *
 * @param matrix (N, M).
 * @param x float32 (M, C).
 * @returns float32 (N, C).
 * @throws KernelArgumentError when the arguments do not fit; UnsupportedKernelError on other backends than cpu, wasm, webgpu.
 */
export function sparseMatMul(matrix: CSRMatrix, x: tf.Tensor2D): tf.Tensor2D {
  checkRows('sparseMatMul', matrix, x);
  return runKernel<tf.Tensor2D>(SPARSE_MAT_MUL, { x }, { matrix });
}

/**
 * In each channel, where among the elements of x (M C, row by row) the first largest is of those rows of x that a row of the matrix
 * names. It has no gradient.
 *
 * @param matrix (N, M); its values do not matter.
 * @param x float32 (M, C).
 * @returns int32 (N, C); -1 by a row without entries.
 * @throws KernelArgumentError when the arguments do not fit; UnsupportedKernelError on other backends than cpu, wasm, webgpu.
 */
export function sparseArgMax(matrix: CSRMatrix, x: tf.Tensor2D): tf.Tensor2D {
  checkRows('sparseArgMax', matrix, x);
  return runKernel<tf.Tensor2D>(SPARSE_ARG_MAX, { x }, { matrix });
}

/**
 * In each channel, the largest of those rows of x that a row of the matrix names; its values do not matter. Differentiable any
 * number of times on every backend: the gradient goes to the first maximum in the order of the entries.
 *
 * @param matrix (N, M).
 * @param x float32 (M, C).
 * @param empty what a row without entries gives.
 * @returns float32 (N, C).
 * @throws KernelArgumentError when the arguments do not fit; UnsupportedKernelError on other backends than cpu, wasm, webgpu.
 */
export function sparseMax(matrix: CSRMatrix, x: tf.Tensor2D, empty: number): tf.Tensor2D {
  checkRows('sparseMax', matrix, x);
  return tf.tidy(() => {
    const at = runKernel<tf.Tensor2D>(SPARSE_ARG_MAX, { x }, { matrix });
    const found = tf.gather<tf.Tensor>(tf.reshape(x, [-1]), tf.maximum(at, tf.scalar(0, 'int32')));
    const isEmpty = tf.less(at, tf.scalar(0, 'int32'));
    return tf.where(isEmpty, tf.fill(at.shape, empty), found) as tf.Tensor2D;
  });
}
