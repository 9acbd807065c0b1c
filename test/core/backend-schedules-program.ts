/**
 * Overlapping starts of backends, at every distance between them, in a process of its own: its heap is shared. Prints JSON.
 */
import { type BackendInfo, useBackend } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

await useBackend('cpu');
const faults = new Set<string>();
const x = tf.randomUniform([1, 9, 9, 8], -1, 1, 'float32', 1);
const filter = tf.randomUniform([3, 3, 8, 8], -1, 1, 'float32', 2);
let computed = 0;

/** A convolution, with the values it has always had. */
function predict(): void {
  const values = tf.tidy(() => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same').dataSync());
  expected ??= values;
  computed++;
  if (values.some((value, i) => Math.abs(value - expected![i]!) > 1e-5)) faults.add('wrong values');
}
let expected: ArrayLike<number> | undefined;

predict();

const check = ({ name, notes, wasm }: BackendInfo, threads?: number) => {
  if (tf.getBackend() !== name) faults.add(`${name} was told and ${tf.getBackend()} in use`);
  if (notes.length > 0) faults.add(notes.join());
  if (threads !== undefined && wasm?.threads !== threads)
    faults.add(`${wasm?.threads} threads, not ${threads}`);
};

/** The second start, and a choice of tfjs' own, come after so many ticks of the event loop, or so many promises. */
const ticks = [0, 1, 2, 3, 5, 8, 20];
const promises = [0, 1, 2, 3, 4, 6, 9, 14];
let pairs = 0;
for (const direct of [false, true]) {
  for (const tick of ticks) {
    for (const promise of tick === 0 ? promises : [0]) {
      const threads = 1 + (++pairs % 3);
      const wait = async () => {
        for (let i = 0; i < tick; i++) {
          await new Promise((resolve) => setImmediate(resolve));
          predict();
        }
        for (let i = 0; i < promise; i++) await null;
      };
      const first = useBackend('wasm', { threads }).then((info) => check(info, threads));
      await wait();
      const second = direct
        ? tf.setBackend('cpu').then(() => {})
        : useBackend('cpu').then((info) => check(info));
      await wait();
      predict();
      const third = useBackend('wasm', { threads: 1 + (threads % 3) }).then((info) => check(info));
      await Promise.all([first, second, third]);
      if (tf.getBackend() !== 'wasm') faults.add(`${tf.getBackend()} at the end`);
      predict();
    }
  }
}
console.log(JSON.stringify({ faults: [...faults], pairs, computed }));
