/** WebGPU in Node, from the npm package `webgpu` (Dawn). */

/** An import that bundlers cannot see: those for the browser would look for the package, and fail. */
const importByName = (name: string): Promise<unknown> =>
  import(/* webpackIgnore: true */ /* @vite-ignore */ name);

/**
 * Makes `navigator.gpu` where the platform has none. It must come before tfjs' webgpu backend is imported, which looks for one once.
 * It throws what the import does where the package is not installed.
 */
export async function provideNodeGpu(): Promise<void> {
  if (globalThis.navigator?.gpu) return;
  const dawn = (await importByName('webgpu')) as {
    create(options: string[]): GPU;
    globals: Record<string, unknown>;
  };
  for (const [key, value] of Object.entries(dawn.globals)) {
    if (!(key in globalThis))
      Object.defineProperty(globalThis, key, { value, configurable: true, writable: true });
  }
  const gpu = dawn.create([]);
  if (globalThis.navigator === undefined) {
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  } else {
    Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
  }
}
