/** A download into memory, where nothing can be kept. */
import type { DownloadTarget } from '../download/download.ts';

/** What a server claims is reserved in advance only up to here; beyond, the buffer grows with what really comes. */
const maxReserve = 2 ** 31;

export class MemoryTarget implements DownloadTarget {
  validator: string | null = null;
  length = 0;
  #buffer = new Uint8Array(0);

  begin(start: number, validator: string | null, total: number | null): void {
    this.length = start;
    this.validator = validator;
    if (total !== null && total > this.#buffer.length) this.#grow(Math.min(total, maxReserve));
  }

  write(chunk: Uint8Array): void {
    const end = this.length + chunk.length;
    if (end > this.#buffer.length) this.#grow(Math.max(end, 2 * this.#buffer.length));
    this.#buffer.set(chunk, this.length);
    this.length = end;
  }

  async replay(update: (bytes: Uint8Array) => void): Promise<void> {
    update(this.#buffer.subarray(0, this.length));
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.length === this.#buffer.length ? this.#buffer : this.#buffer.slice(0, this.length);
  }

  #grow(size: number): void {
    const larger = new Uint8Array(size);
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
  }
}
