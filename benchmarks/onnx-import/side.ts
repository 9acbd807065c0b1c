/** One process of `main.ts`: one file in one runtime. */
import { readFile } from 'node:fs/promises';

const now = () => performance.now();

async function median(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const start = now();
    await run();
    times.push(now() - start);
  }
  return times.sort((a, b) => a - b)[5]!;
}

/** @returns milliseconds from the file to the first result, and of one after that. */
export async function measure(
  side: 'chaingrad' | 'onnxruntime-web',
  path: string,
  shape: readonly number[],
): Promise<{ first: number; next: number }> {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i));
  if (side === 'chaingrad') {
    const { useBackend, usingConfig } = await import('@chaingrad/core');
    const { importOnnx } = await import('@chaingrad/onnx');
    const tf = await import('@tensorflow/tfjs-core');
    await useBackend('wasm', { threads: 1 });
    const start = now();
    const model = await importOnnx(new Uint8Array(await readFile(path)));
    const run = async () => {
      const x = tf.tensor(data, [...shape]);
      const y = usingConfig('train', false, () => model.call(x));
      const values = await y.data();
      tf.dispose([x, y]);
      return values;
    };
    await run();
    return { first: now() - start, next: await median(run) };
  }
  const ort = await import('onnxruntime-web');
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = 1;
  // Its binary is loaded by the first session: one of a network of a single node goes before.
  await ort.InferenceSession.create(await (await import('./nothing.ts')).nothing(), {
    executionProviders: ['wasm'],
  });
  const start = now();
  const session = await ort.InferenceSession.create(new Uint8Array(await readFile(path)), {
    executionProviders: ['wasm'],
  });
  const run = async () => {
    const out = await session.run({ [session.inputNames[0]!]: new ort.Tensor('float32', data, shape) });
    return out[session.outputNames[0]!]!.data;
  };
  await run();
  return { first: now() - start, next: await median(run) };
}
