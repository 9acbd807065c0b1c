/** The errors of this package: each carries the facts as fields, and its message says what to do. */

/** The active tfjs backend has no such kernel. */
export class UnsupportedKernelError extends Error {
  override readonly name = 'UnsupportedKernelError';

  constructor(
    readonly kernel: string,
    readonly backend: string,
  ) {
    super(
      `Kernel '${kernel}' is not registered for backend '${backend}'. ` +
        "Switch with tf.setBackend('wasm' | 'webgpu' | 'cpu'), which all have it; " +
        `if '${backend}' is one of them, import its package before @chaingrad/kernels or call installKernels('${backend}').`,
    );
  }
}

/** An argument of one of this package's operations does not fit. */
export class KernelArgumentError extends Error {
  override readonly name = 'KernelArgumentError';

  constructor(
    readonly operation: string,
    readonly argument: string,
    readonly expected: string,
    readonly got: string,
  ) {
    super(`${operation}: ${argument} must be ${expected}, got ${got}.`);
  }
}

/** The gradient of a function cannot be differentiated again. */
export class SecondGradientError extends Error {
  override readonly name = 'SecondGradientError';

  constructor(
    /** Null for a function without a name, made with tf.customGrad or withGradient. */
    readonly operation: string | null,
    reason = 'it uses values that were computed inside of the function and are not recorded. Compose the function of ' +
      'other operations where gradients of gradients are needed, or write it with withGradient.',
    options?: ErrorOptions,
  ) {
    super(
      `${operation ?? 'A function with a gradient of its own'}: its gradient cannot be differentiated again: ${reason}`,
      options,
    );
  }
}

/** A tensor was used after it was freed. */
export class DisposedTensorError extends Error {
  override readonly name = 'DisposedTensorError';

  /**
   * @param where what was to use it.
   * @param got which tensor, if known.
   */
  constructor(
    readonly where: string,
    got = 'one that was disposed',
    advice = 'dispose(), or the end of a tidy() or of a call(), has freed it: dispose it later, or keep(x) it inside of the tidy.',
  ) {
    super(`${where}: expected a tensor with values, got ${got}. ${advice}`);
  }
}

/** Something is to be computed, and no backend of tfjs is ready. */
export class NoBackendError extends Error {
  override readonly name = 'NoBackendError';

  constructor(cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      `No backend is ready to compute. Call await useBackend('auto') first, before tensors and models are made; or import a ` +
        `backend of tfjs, and await its start: await tf.ready(). (tfjs: ${why})`,
      { cause },
    );
  }
}
