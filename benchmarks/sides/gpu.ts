/** The GPU of the sides on WebGPU. */
import { adapterName, isSoftware } from '../../packages/core/src/fastest-backend.ts';
import type { OpenOptions, Runner } from './side.ts';

/** What this machine lacks. That is no fault, and a driver that prints errors with their stacks prints the reason alone. */
class AbsentGpuError extends Error {
  constructor(reason: string) {
    super(reason);
    this.stack = reason;
  }
}

/**
 * What computes.
 *
 * @throws AbsentGpuError where there is no GPU, or one that is computed on the processor and was not asked for.
 */
export async function aboutGpu({ softwareGpu }: OpenOptions): Promise<Pick<Runner, 'info' | 'code'>> {
  const adapter = await (navigator.gpu as GPU | undefined)?.requestAdapter();
  if (adapter == null) throw new AbsentGpuError('there is no WebGPU adapter here');
  const name = adapterName(adapter);
  const software = isSoftware(adapter);
  if (software && softwareGpu !== true)
    throw new AbsentGpuError(`there is no GPU here: ${name} computes on the processor`);
  return { info: name, code: software ? 'WebGPU, on the processor' : 'WebGPU' };
}
