/** What the prefetching iterator and its workers tell each other. */

export type ToWorker =
  | { readonly kind: 'start'; readonly data: unknown }
  | {
      readonly kind: 'example';
      readonly id: number;
      readonly example: unknown;
      readonly index: number;
      readonly epoch: number;
      readonly seed: number;
    };

export type FromWorker =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: unknown };

/**
 * The same value, in which arrays that are a part of a larger buffer have one of their own: a message copies whole buffers,
 * so that one row of a data set would take all of it along.
 */
export function compact(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    const isPart = value.buffer instanceof ArrayBuffer && value.byteLength < value.buffer.byteLength;
    // Typed arrays share one `slice`; that of Node's Buffer does not copy.
    return isPart && !(value instanceof DataView) ? Uint8Array.prototype.slice.call(value) : value;
  }
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== 'object' || value === null) return value;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, compact(part)]));
}
