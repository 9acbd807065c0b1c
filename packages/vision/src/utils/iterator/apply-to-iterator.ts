import { checkOptions } from '@chaingrad/core';
import type { BatchIterator } from '@chaingrad/training';
import type { Image } from '../../image/image.ts';

/** An example without its image. */
export type RestOf<E> = Omit<E, 'img'>;

/** A batch that has gone through a function. */
export interface AppliedBatch<E, R> {
  /** The images of the batch. */
  readonly inValues: readonly Image[];
  /** What the function gave for them. */
  readonly outValues: R;
  /** What else the examples have: boxes, labels, masks. */
  readonly restValues: readonly RestOf<E>[];
}

/** Is told of every batch, before whoever asked for it. */
export type ApplyHook<E, R> =
  | ((batch: AppliedBatch<E, R>) => void)
  | { readonly onBatch: (batch: AppliedBatch<E, R>) => void };

export interface ApplyToIteratorOptions<E, R> {
  /** Default none. `ProgressHook` is one. */
  readonly hook?: ApplyHook<E, R> | null;
}

/**
 * Gives the images of an iterator to a function, most often a model's `predict`, batch by batch.
 *
 * A batch is read when it is asked for, and kept by nobody here: memory is that of one batch, however long the data set is.
 * Chainer counterpart: `chainercv.utils.apply_to_iterator`, whose three iterators are one here.
 *
 * ```ts
 * const iterator = new SerialIterator(testset, 8, { repeat: false, shuffle: false });
 * const hook = new ProgressHook({ nTotal: testset.length });
 * for await (const { outValues, restValues } of applyToIterator((imgs) => model.predict(imgs), iterator, { hook }))
 *   restValues.forEach(({ bbox }, i) => console.log(bbox.length / 4, outValues.bboxes[i]!.length / 4));
 * ```
 *
 * @param func is called with the images of a batch; what it throws is thrown on.
 * @param iterator gives examples with an `img`. One that repeats is walked until the caller stops.
 */
export function applyToIterator<E extends { readonly img: Image }, R>(
  func: (imgs: readonly Image[]) => R | Promise<R>,
  iterator: BatchIterator<E>,
  options: ApplyToIteratorOptions<E, R> = {},
): AsyncGenerator<AppliedBatch<E, R>, void> {
  const { hook = null } = checkOptions('applyToIterator', options, { hook: 'any' });
  const tell = typeof hook === 'function' ? hook : hook?.onBatch.bind(hook);
  return applied(func, iterator, tell);
}

async function* applied<E extends { readonly img: Image }, R>(
  func: (imgs: readonly Image[]) => R | Promise<R>,
  iterator: BatchIterator<E>,
  tell: ((batch: AppliedBatch<E, R>) => void) | undefined,
): AsyncGenerator<AppliedBatch<E, R>, void> {
  for await (const examples of iterator) {
    const inValues = examples.map(({ img }) => img);
    const outValues = await func(inValues);
    const batch = { inValues, outValues, restValues: examples.map(({ img: _, ...rest }) => rest) };
    tell?.(batch);
    yield batch;
  }
}
