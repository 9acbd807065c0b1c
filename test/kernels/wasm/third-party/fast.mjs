// What makes a program faster that knows nothing of it: `node --import ./fast.mjs program.js`
import { installFastKernels } from '@chaingrad/kernels/wasm';
import * as tf from '@tensorflow/tfjs-core';

await tf.setBackend('wasm');
await installFastKernels('wasm');
