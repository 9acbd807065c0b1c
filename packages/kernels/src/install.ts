/** Puts this package's kernels into the registry of a backend. */
import { cpuKernels } from './cpu/index.ts';
import { cpuFixes, wasmFixes, webgpuFixes } from './fixes/index.ts';
import type { KernelTable } from './kernel.ts';
import { portableKernels } from './portable/index.ts';
import { installKernel, isImported, isInstalled } from './tfjs-internals.ts';
import { webgpuKernels } from './webgpu/index.ts';

/** Where two tables have a kernel, the first one's is taken. */
const tables: Readonly<Record<string, readonly KernelTable[]>> = {
  cpu: [cpuKernels, cpuFixes],
  wasm: [portableKernels, wasmFixes],
  webgpu: [webgpuKernels, portableKernels, webgpuFixes],
};

/** The backends that this package has kernels for. */
export const supportedBackends: readonly string[] = Object.keys(tables);

/**
 * Registers this package's kernels for a backend. Call it again at any time, for instance after a backend's package was
 * imported, which registers tfjs' own kernels over ours.
 *
 * @returns whether there was something to do: false for backends other than cpu, wasm and webgpu, or not imported.
 */
export function installKernels(backendName: string): boolean {
  if (!isImported(backendName)) return false;
  const kernels = tables[backendName];
  if (kernels === undefined) return false;
  // One of ours may be there already, and be a faster one.
  for (const table of kernels)
    for (const [name, kernelFunc] of Object.entries(table))
      if (!isInstalled(name, backendName)) installKernel(name, backendName, kernelFunc);
  return true;
}
