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

/** A job of the WASM kernels was given arguments that are not those of its class in assembly/. */
export class WasmArgumentError extends TypeError {
  override readonly name = 'WasmArgumentError';

  constructor(
    readonly job: string,
    readonly field: string,
    readonly expected: string,
    readonly got: unknown,
  ) {
    super(
      `Job '${job}' of the WASM kernels: argument '${field}' must be ${expected}, got ${String(got)}. ` +
        'This is a defect of @chaingrad/kernels: please report it.',
    );
  }
}

/** A job of the WASM kernels failed on one of its threads. The heap and the threads are as before; other jobs go on. */
export class WasmJobError extends Error {
  override readonly name = 'WasmJobError';

  /**
   * @param kernel the tfjs kernel that ran the job; null outside of one.
   * @param job the job's name.
   * @param item which of its items failed, of 0 to items - 1.
   * @param thread the thread it failed on; 0 is the calling one.
   * @param args the job's arguments by name.
   * @param cause what was thrown. That of another thread is made again from its name, message and stack.
   */
  constructor(
    readonly kernel: string | null,
    readonly job: string,
    readonly item: number,
    readonly items: number,
    readonly thread: number,
    readonly args: object,
    cause: unknown,
  ) {
    const where = kernel === null ? `Job '${job}'` : `Kernel '${kernel}', job '${job}'`;
    const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    super(
      `${where} of the WASM kernels failed at item ${item} of ${items}, on thread ${thread}: ${message}. ` +
        `Its arguments were ${shortened(JSON.stringify(args))}. This is a defect of @chaingrad/kernels: please report it.`,
      { cause },
    );
  }
}

const shortened = (text: string) => (text.length <= 1000 ? text : `${text.slice(0, 1000)}...`);
