/** Counts what is asked of the GPU: how many programs are started, and what they may read and write. */

export interface GpuWork {
  /** Programs started. */
  readonly dispatches: number;
  /** Bytes of the buffers that each program is bound to, its inputs and its output, each time that it is started. */
  readonly bytes: number;
  /** Bytes written from the CPU, or copied between buffers, as on the way from it and to it. */
  readonly copied: number;
}

type Method = (this: object, ...args: never[]) => unknown;

/** Buffers of a binding, or the part of one. */
const boundBytes = ({ entries }: GPUBindGroupDescriptor): number =>
  [...entries].reduce((sum, { resource }) => {
    if (!('buffer' in resource)) return sum;
    const { buffer, offset = 0, size = buffer.size - offset } = resource;
    return sum + size;
  }, 0);

/**
 * Counts the work of all devices while `run` goes on. WebGPU must be there: the classes of its objects are global.
 *
 * @returns the work, when what `run` returns is settled.
 * @throws what `run` throws.
 */
export async function gpuWorkOf(run: () => Promise<unknown>): Promise<GpuWork> {
  const bound = new WeakMap<object, number>();
  /** What each pass is bound to, by the index of the group. */
  const groups = new WeakMap<object, Map<number, number>>();
  const work = { dispatches: 0, bytes: 0, copied: 0 };
  const restore: (() => void)[] = [];
  /** Calls `see` after a method of a class, with its arguments and result. */
  const watch = (
    prototype: object,
    name: string,
    see: (self: object, args: readonly unknown[], result: unknown) => void,
  ) => {
    const known = prototype as Record<string, Method>;
    const original = known[name]!;
    known[name] = function (...args) {
      const result = original.apply(this, args);
      see(this, args, result);
      return result;
    };
    restore.push(() => {
      known[name] = original;
    });
  };
  watch(GPUDevice.prototype, 'createBindGroup', (_, [descriptor], group) =>
    bound.set(group as object, boundBytes(descriptor as GPUBindGroupDescriptor)),
  );
  watch(GPUComputePassEncoder.prototype, 'setBindGroup', (pass, [index, group]) => {
    const known = groups.get(pass) ?? new Map<number, number>();
    groups.set(pass, known.set(index as number, bound.get(group as object) ?? 0));
  });
  watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', (pass) => {
    work.dispatches++;
    for (const bytes of groups.get(pass)?.values() ?? []) work.bytes += bytes;
  });
  watch(GPUQueue.prototype, 'writeBuffer', (_, [, , data, from = 0, size]) => {
    const { byteLength } = data as ArrayBufferView;
    // Offset and size count elements of a typed array, bytes of anything else.
    const unit = (data as { readonly BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    work.copied += size === undefined ? byteLength - (from as number) * unit : (size as number) * unit;
  });
  watch(GPUCommandEncoder.prototype, 'copyBufferToBuffer', (_, args) => {
    // The offsets may be left out.
    const size = typeof args[1] === 'number' ? args[4] : args[2];
    work.copied += (size as number | undefined) ?? (args[0] as GPUBuffer).size;
  });
  try {
    await run();
  } finally {
    for (const undo of restore.reverse()) undo();
  }
  return work;
}
