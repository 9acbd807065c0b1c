/** Collects chunks of bytes into one array. */

/** What a server claims is reserved in advance only up to here; beyond, the buffer grows with what really comes. */
const maxReserve = 2 ** 31;

export class ByteSink {
  #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** @param expected the number of bytes to come, where it is known. */
  constructor(expected: number | null) {
    this.#buffer = new Uint8Array(Math.min(expected ?? 1 << 16, maxReserve));
  }

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    const end = this.#length + chunk.length;
    if (end > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = end;
  }

  /** Everything pushed so far, in a buffer of its own size. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.slice(0, this.#length);
  }
}
