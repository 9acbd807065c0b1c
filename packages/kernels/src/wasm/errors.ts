/** The errors of the WASM kernels. */

/** The kernels share tfjs-backend-wasm's heap through fields that it does not document, and they are not as expected. */
export class WasmInternalsError extends Error {
  override readonly name = 'WasmInternalsError';

  constructor(
    readonly expected: string,
    readonly got: string,
  ) {
    super(
      `The fast WASM kernels need @tensorflow/tfjs-backend-wasm 4.22.0 with ${expected}, got ${got}. ` +
        'Install that version; without it the portable kernels work on.',
    );
  }
}

/** The fast WASM kernels were asked for where they cannot run. */
export class WasmUnavailableError extends Error {
  override readonly name = 'WasmUnavailableError';

  constructor(readonly reason: string) {
    super(`The fast WASM kernels cannot be used: ${reason}`);
  }
}

/** The WASM heap, which has 4 GiB at most, is full. */
export class WasmMemoryError extends Error {
  override readonly name = 'WasmMemoryError';

  constructor(
    readonly bytes: number,
    readonly heapBytes: number,
  ) {
    super(
      `The WASM heap (${heapBytes} bytes) has no room for ${bytes} more. ` +
        'Use a smaller batch, dispose tensors, or lower cacheBytes of setWasmKernelOptions.',
    );
  }
}
