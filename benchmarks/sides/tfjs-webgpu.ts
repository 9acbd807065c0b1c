/** tfjs-backend-webgpu as it comes. */
import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { aboutGpu } from './gpu.ts';
import { tfjsSide } from './tfjs-graph.ts';

export const tfjsWebgpu = tfjsSide(async (options) => {
  const about = await aboutGpu(options);
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs could not start its webgpu backend');
  return about;
});
