/** Lays the fast kernels over those of tfjs: all that a program needs which was written without them. */
import { installFastKernels } from '@chaingrad/kernels/wasm';
import { wasmCode } from './code.ts';
import type { OpenOptions, Runner } from './side.ts';
import { startTfjsWasm } from './tfjs-wasm.ts';

/** Starts the wasm backend with them; tells what they use. */
export async function startKernels(options: OpenOptions): Promise<Pick<Runner, 'info' | 'code'>> {
  await startTfjsWasm(options);
  const { relaxed, threads } = (await installFastKernels('wasm'))!;
  return { info: `@chaingrad/kernels, ${threads} thread(s)`, code: wasmCode(relaxed) };
}
