import { freeBuffer } from './free-buffer.ts';
import type { RandomAccess } from './random-access.ts';

/** How much of a file is read at once. */
const chunkLength = 1 << 22;

/**
 * A part of a file piece by piece, all of them in the same memory where the file is not in memory itself.
 * @yields bytes that are good until the next ones are asked for.
 * @throws SourceError when they are not all there.
 */
export async function* readPieces(
  access: RandomAccess,
  start: number,
  end: number,
  step = chunkLength,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const memory = new Uint8Array(Math.min(step, end - start));
  for (let at = start; at < end; at += step) {
    yield await access.read(at, Math.min(end, at + step), undefined, memory);
  }
  // Not where the consumer leaves earlier: another thread may still read what it was given.
  freeBuffer(memory.buffer);
}
