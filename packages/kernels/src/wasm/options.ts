/** What a user may choose. */

export interface WasmKernelOptions {
  /**
   * Bytes of the heap that filters prepared for the kernels (transformed, packed) may occupy; 0 prepares them anew at every
   * call. A 3x3 filter takes 4 to 7 times its own size; SSD300 takes 373 MiB. Unless set, 1 GiB; in browsers that tell the memory of the
   * device (Chromium; `navigator.deviceMemory`, 8 GiB at most) a sixteenth of that.
   */
  readonly cacheBytes: number;
  /** Threads that compute, 1 to 32. More than 1 needs a heap that is shared: see `shareTfjsWasmMemory`. */
  readonly threads: number;
  /**
   * Whether the kernels are compiled for registers of 256 bits where V8 can do so (Node 24, x64), by a pass of its
   * optimizing compiler that it calls experimental. The machine code is compared with the usual one first, to the bit. False unless set.
   */
  readonly wide: boolean;
}

/** What a browser may tell of the device: its memory in GiB. */
interface Device {
  readonly deviceMemory?: number;
}

/** `cacheBytes` unless set: a sixteenth of the device's memory where that is known, else 1 GiB. */
export function defaultCacheBytes({ deviceMemory = 16 }: Device = {}): number {
  return (deviceMemory * 2 ** 30) / 16;
}

const { navigator } = globalThis as { readonly navigator?: unknown } as { readonly navigator?: Device };

export const options: { cacheBytes: number; threads: number | null; wide: boolean } = {
  ...{ cacheBytes: defaultCacheBytes(navigator), threads: null, wide: false },
};
