/** What the workers of the tests do with an example. */
import { threadId } from 'node:worker_threads';
import { type ExampleTransform, serveExamples } from '@chaingrad/training/worker';

const augment: ExampleTransform<{ values: Float32Array; wait: number }, unknown, { scale: number }> = async (
  { values, wait },
  { index, epoch, rng, data },
) => {
  if (values[0] === -1) throw new RangeError('cannot decode this');
  if (values[0] === -2) process.exit(3);
  await new Promise((resolve) => setTimeout(resolve, wait));
  const noisy = values.map((value) => value * data.scale + rng.uniform());
  return { values: noisy, index, epoch, bytes: values.buffer.byteLength, thread: threadId };
};
serveExamples(augment);
