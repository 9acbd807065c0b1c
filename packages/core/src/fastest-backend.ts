/** Which of two backends computes faster on this machine: measured once, and remembered for the origin. */
import * as tf from '@tensorflow/tfjs-core';

/** Adapters that compute on the processor: no match for WASM, which does the same without a detour through shaders. */
const software = /swiftshader|llvmpipe|lavapipe|softpipe|warp|basic render/i;

type Adapter = GPUAdapter & { readonly isFallbackAdapter?: boolean };
type AdapterInfo = GPUAdapterInfo & { readonly isFallbackAdapter?: boolean };

const infoOf = (adapter: Adapter): Partial<AdapterInfo> => adapter.info ?? {};

/** @returns what the adapter calls itself. */
export function adapterName(adapter: GPUAdapter): string {
  const { vendor, architecture, device, description } = infoOf(adapter);
  return [vendor, architecture, device, description].filter(Boolean).join(' ') || 'unnamed';
}

export const isSoftware = (adapter: GPUAdapter): boolean =>
  infoOf(adapter).isFallbackAdapter === true ||
  (adapter as Adapter).isFallbackAdapter === true ||
  software.test(adapterName(adapter));

/** More than a picture may take: what needs so long once is not measured a second time. */
const LONG = 500;

/**
 * How long the backend in use takes for three convolutions, which are most of what a network computes, and a product of
 * matrices, about 0.4 GFLOP together.
 * @returns milliseconds, once it is warm.
 */
export async function measureBackend(): Promise<number> {
  const x = tf.randomUniform<tf.Rank.R4>([1, 40, 40, 64], -1, 1);
  const W = tf.randomUniform<tf.Rank.R4>([3, 3, 64, 64], -0.1, 0.1);
  const A = tf.randomUniform<tf.Rank.R2>([256, 256], -0.1, 0.1);
  try {
    let took = Number.POSITIVE_INFINITY;
    // The first time prepares filters and compiles shaders.
    for (let i = 0; i < 2 && (i === 0 || took < LONG); i++) {
      const start = performance.now();
      const y = tf.tidy(() => {
        let h = x;
        for (let k = 0; k < 3; k++) h = tf.conv2d(h, W, 1, 'same');
        return tf.add(tf.sum(h), tf.sum(tf.matMul(A, A)));
      });
      await y.data();
      y.dispose();
      took = performance.now() - start;
    }
    return took;
  } finally {
    tf.dispose([x, W, A]);
  }
}

const CACHE = 'chaingrad-backend';

const address = (key: string) => new URL(`/${CACHE}/${encodeURIComponent(key)}`, location.href);

/** @returns what was found for this key at an earlier visit; null where nothing was, or nothing can be kept. */
export async function remembered(key: string): Promise<string | null> {
  try {
    const cache = await caches.open(CACHE);
    return (await (await cache.match(address(key)))?.text()) ?? null;
  } catch {
    return null;
  }
}

/** Where nothing can be kept, the next visit measures again. */
export async function remember(key: string, value: string): Promise<void> {
  try {
    const cache = await caches.open(CACHE);
    await cache.put(address(key), new Response(value));
  } catch {}
}
