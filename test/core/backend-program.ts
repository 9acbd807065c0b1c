/**
 * `useBackend` on WASM, in a process of its own: the backend is started once a process, with a heap that is shared or is not.
 * With the argument `started` it has been started before, as a program that knows nothing of us does. Prints JSON.
 */
import { useBackend } from '@chaingrad/core';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

const sum = async () => (await tf.sum(tf.tensor([1, 2, 3])).data())[0];

if (process.argv[2] === 'started') await tf.setBackend('wasm');
const auto = await useBackend();
const sums = [await sum()];
const three = await useBackend('wasm', { threads: 3 });
sums.push(await sum());
process.stdout.write(JSON.stringify({ auto, three, backend: tf.getBackend(), sums }));
