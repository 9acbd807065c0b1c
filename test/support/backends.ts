/** Runs tests on every backend of tfjs that this machine has; an absent one is skipped where one can see it. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { provideNodeGpu } from '../../packages/core/src/node-gpu.ts';
import { requirePresent } from './present.ts';

export type BackendName = 'cpu' | 'wasm' | 'webgpu';

export const backendNames: readonly BackendName[] = ['cpu', 'wasm', 'webgpu'];

/** GPU errors do not throw, tfjs then returns zeros: they are collected here. */
const gpuErrors: string[] = [];
let webgpu: Promise<boolean> | undefined;

async function startWebGPU(): Promise<boolean> {
  await provideNodeGpu();
  if (!(await navigator.gpu.requestAdapter())) return false;
  await import('@tensorflow/tfjs-backend-webgpu');
  // Otherwise small tensors are computed on the CPU, and the test says nothing about the GPU.
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  if (!(await tf.setBackend('webgpu'))) return false;
  const { device } = tf.backend() as unknown as { device: GPUDevice };
  device.addEventListener('uncapturederror', (event) => {
    gpuErrors.push((event as GPUUncapturedErrorEvent).error.message);
  });
  return true;
}

/** Makes a backend the active one. @returns false where this machine does not have it. */
export async function useTestBackend(name: BackendName): Promise<boolean> {
  if (name === 'webgpu') {
    webgpu ??= startWebGPU();
    if (!(await webgpu)) return false;
  }
  return tf.setBackend(name);
}

/** One `describe` a backend, with that backend active, and failing on any error of the GPU. */
export function describeBackends(
  title: string,
  body: (backend: BackendName) => void,
  names: readonly BackendName[] = backendNames,
): void {
  for (const name of names) {
    describe(`${title} [${name}]`, () => {
      before(async function () {
        requirePresent(await useTestBackend(name), `the backend '${name}'`, this);
        gpuErrors.length = 0;
      });
      afterEach(async () => {
        if (name === 'webgpu')
          await (tf.backend() as unknown as { device?: GPUDevice }).device?.queue.onSubmittedWorkDone();
        expect(gpuErrors.splice(0), 'errors of the GPU').to.deep.equal([]);
      });
      body(name);
    });
  }
}

/** The largest difference, relative to the largest expected magnitude. */
export function maxError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length, 'number of values').to.equal(expected.length);
  let scale = 0;
  let error = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    // What is equal counts for the scale too, unless it is infinite or NaN on both sides.
    if (Number.isFinite(e)) scale = Math.max(scale, Math.abs(e));
    if (Object.is(a, e) || a === e) continue;
    if (!Number.isFinite(a) || !Number.isFinite(e)) return Number.POSITIVE_INFINITY;
    error = Math.max(error, Math.abs(a - e));
  }
  return scale === 0 ? error : error / scale;
}

/** Expects values within `tolerance` of the expected ones, relative to the largest of them. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-5,
  what = 'values',
): void {
  const error = maxError(actual, expected);
  expect(error, `${what}: largest error relative to the largest value`).to.be.at.most(tolerance);
}
