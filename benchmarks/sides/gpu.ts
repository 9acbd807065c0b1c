/** The GPU of the sides on WebGPU. */
import { adapterName, isSoftware } from '../../packages/core/src/fastest-backend.ts';
import type { OpenOptions, Runner } from './side.ts';

/**
 * What computes.
 *
 * @throws Error where there is no GPU, or one that is computed on the processor and was not asked for.
 */
export async function aboutGpu({ softwareGpu }: OpenOptions): Promise<Pick<Runner, 'info' | 'code'>> {
  const adapter = await (navigator.gpu as GPU | undefined)?.requestAdapter();
  if (adapter == null) throw new Error('there is no WebGPU adapter here');
  const name = adapterName(adapter);
  const software = isSoftware(adapter);
  if (software && softwareGpu !== true)
    throw new Error(`there is no GPU here: ${name} computes on the processor`);
  return { info: name, code: software ? 'WebGPU, on the processor' : 'WebGPU' };
}
