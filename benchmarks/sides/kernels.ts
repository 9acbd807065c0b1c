/** Lays the fast kernels over those of tfjs: all that a program needs which was written without them. */
import { installFastKernels } from '@chaingrad/kernels/wasm';
import type { OpenOptions } from './side.ts';
import { startTfjsWasm } from './tfjs-wasm.ts';

/** Starts the wasm backend with them; tells what they use. */
export async function startKernels(options: OpenOptions): Promise<string> {
  await startTfjsWasm(options);
  const { relaxed, threads } = (await installFastKernels('wasm'))!;
  return `@chaingrad/kernels, ${relaxed ? 'relaxed SIMD' : 'SIMD'}, ${threads} thread(s)`;
}
