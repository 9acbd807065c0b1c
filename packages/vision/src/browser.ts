/**
 * Everything in one file for pages without a bundler: the build makes `dist/chaingrad.js` of it, with tfjs and its backends
 * inside and the WASM binary beside it. Where a bundler is used, import the packages by name instead.
 *
 * ```html
 * <script type="module">
 *   import { SSDMobileNetV2, useBackend } from './chaingrad.js';
 * </script>
 * ```
 */

export * from '@chaingrad/core';
export * as core from '@chaingrad/core';
export * as kernels from '@chaingrad/kernels';
export * from '@chaingrad/training';
export * from '@chaingrad/weights';
export * as tf from '@tensorflow/tfjs-core';
export * from './index.ts';
// Core has a function of this name, too: `core.scale`.
export { type Rgb, type ScaleOptions, scale } from './index.ts';
