/** Hands tfjs' wasm backend the bytes of its binary. */
import * as tf from '@tensorflow/tfjs-core';

const names = [
  'tfjs-backend-wasm.wasm',
  'tfjs-backend-wasm-simd.wasm',
  'tfjs-backend-wasm-threaded-simd.wasm',
] as const;

/** `setWasmPaths` of @tensorflow/tfjs-backend-wasm. */
export type SetWasmPaths = (paths: Record<(typeof names)[number], string>, usePlatformFetch: boolean) => void;

const scheme = 'chaingrad-wasm:';
const binaries: Uint8Array<ArrayBuffer>[] = [];

/**
 * Makes the wasm backend that is started next use these bytes.
 *
 * tfjs takes an address, which its platform fetches; a `blob:` would need `connect-src blob:` of a page's policy, and where that is
 * refused tfjs waits for ever. So the platform answers an address of our own.
 */
export function handOverBinary(setWasmPaths: SetWasmPaths, bytes: Uint8Array<ArrayBuffer>): void {
  if (binaries.push(bytes) === 1) {
    const { platform } = tf.env();
    const { fetch } = platform;
    platform.fetch = async (path, init) =>
      typeof path === 'string' && path.startsWith(scheme)
        ? new Response(binaries[Number(path.slice(scheme.length))]!)
        : fetch.call(platform, path, init);
  }
  const url = `${scheme}${binaries.length - 1}`;
  setWasmPaths({ [names[0]]: url, [names[1]]: url, [names[2]]: url }, true);
}
