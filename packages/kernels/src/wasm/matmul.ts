/** Matrix products under tfjs' names. */
import * as tf from '@tensorflow/tfjs-core';
import { activateLater, activations, laterActivations } from './activation.ts';
import { ceilDiv } from './ceil-div.ts';
import { declined, type FastKernel, type FastKernels, isFloat } from './kernel.ts';
import type { Runtime } from './runtime.ts';

/** Up to this many rows the time goes into reading B, which must not be copied first. */
const FEW_ROWS = 4;

interface Product {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly aBatch: number;
  readonly bBatch: number;
  readonly act: number;
}

function multiply(rt: Runtime, p: Product, a: number, b: number, bias: number, c: number): void {
  const product = { a, b, bias, c, m: p.m, n: p.n, k: p.k, act: p.act };
  // One row, or one column, lies the same way transposed.
  const rowsFirst = !p.transposeA || p.m === 1 || p.k === 1;
  if (p.batch === 1 && p.m <= FEW_ROWS && rowsFirst) {
    const dots = p.transposeB || p.n === 1;
    const perItem = dots
      ? Math.max(4, 4 * ceilDiv(p.n, 16 * rt.threads))
      : Math.min(4096, Math.max(64, 4 * ceilDiv(p.n, 4 * rt.threads)));
    rt.run(dots ? 'dotRows' : 'addRows', ceilDiv(p.n, perItem), { ...product, columnsPerItem: perItem });
    return;
  }
  const panels = ceilDiv(p.n, 8);
  // Blocks of B of 16 to 32 panels, packed, stay in the second-level cache while the rows of A pass by.
  let panelsPerItem = Math.min(panels, 24);
  let mPerItem = p.m;
  const items = () => p.batch * ceilDiv(panels, panelsPerItem) * ceilDiv(p.m, mPerItem);
  while (rt.threads > 1 && items() < 3 * rt.threads && (mPerItem > 96 || panelsPerItem > 4)) {
    if (mPerItem > 96) mPerItem = Math.max(96, 6 * ceilDiv(mPerItem, 12));
    else panelsPerItem = ceilDiv(panelsPerItem, 2);
  }
  const args = {
    ...product,
    ...{ transposeA: p.transposeA, transposeB: p.transposeB },
    ...{ aBatch: p.aBatch, bBatch: p.bBatch, cBatch: p.m * p.n },
    ...{ mPerItem, mItems: ceilDiv(p.m, mPerItem) },
    ...{ panelsPerItem, panelItems: ceilDiv(panels, panelsPerItem) },
  };
  rt.run('matMul', items(), args, rt.sizes.matMulScratch(p.k, mPerItem, panelsPerItem));
}

interface MatMulAttrs {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly activation?: string;
}

const matMul: FastKernel = (rt, { a, b, bias, preluActivationWeights }, attrs) => {
  const { transposeA = false, transposeB = false, activation = 'linear' } = attrs as MatMulAttrs;
  const later = laterActivations[activation];
  const act = later === undefined ? activations[activation] : 0;
  if (act === undefined || !isFloat(a, b, bias, preluActivationWeights)) return declined;
  const [aRows, aColumns] = a!.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b!.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [bk, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  const outerA = a!.shape.slice(0, -2);
  const outerB = b!.shape.slice(0, -2);
  const [batchA, batchB] = [tf.util.sizeFromShape(outerA), tf.util.sizeFromShape(outerB)];
  // Broadcasting of some axes only is rare, and tfjs says what is wrong with shapes that do not fit
  if (k !== bk || (batchA !== batchB && batchA !== 1 && batchB !== 1)) return declined;
  if (batchA === batchB && outerA.join() !== outerB.join() && batchA !== 1) return declined;
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== n)) return declined;
  const batch = Math.max(batchA, batchB);
  if (batch * m * n * k === 0 || batchA * batchB === 0) return declined;
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB);
  const out = rt.output([...outer, m, n]);
  // With one B for all matrices of a batch, the batch is one tall matrix.
  const tall = batchB === 1 && !transposeA;
  const product = {
    ...(tall ? { batch: 1, m: batch * m } : { batch, m }),
    ...{ n, k, transposeA, transposeB, act },
    ...{ aBatch: batchA === 1 ? 0 : m * k, bBatch: batchB === 1 ? 0 : n * k },
  };
  const pointers = [a!, b!].map((info) => rt.heap.pointer(info)) as [number, number];
  multiply(rt, product, ...pointers, bias === undefined ? 0 : rt.heap.pointer(bias), rt.heap.pointer(out));
  return later === undefined ? out : activateLater(rt, later, out, preluActivationWeights, attrs);
};

export const matMulKernels: FastKernels = { [tf.BatchMatMul]: matMul, [tf._FusedMatMul]: matMul };
