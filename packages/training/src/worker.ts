/** The other side of `PrefetchIterator`: a module that runs in a worker thread. */
import { nodeModule, Random } from '@chaingrad/core';
import type { ExampleTransform } from './example-transform.ts';
import { compact, type FromWorker, type ToWorker } from './worker-messages.ts';

export type { ExampleContext, ExampleTransform } from './example-transform.ts';

/** The part of a message port that is the same in Node and in a page. */
interface Port {
  send(message: FromWorker): void;
  receive(listener: (message: ToWorker) => void): void;
}

interface WorkerScope {
  postMessage(message: unknown): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

function parent(): Port {
  const port = nodeModule<typeof import('node:worker_threads')>('node:worker_threads')?.parentPort;
  if (port) {
    return {
      send: (message) => port.postMessage(message),
      receive: (listener) => void port.on('message', listener),
    };
  }
  const scope = globalThis as unknown as WorkerScope;
  return {
    send: (message) => scope.postMessage(message),
    receive: (listener) => {
      scope.onmessage = ({ data }) => listener(data as ToWorker);
    },
  };
}

/**
 * Decodes and augments examples for a `PrefetchIterator`. The worker's module calls it once:
 *
 * ```ts
 * // augment.ts, given as `worker: new URL('./augment.ts', import.meta.url)`
 * import { serveExamples } from '@chaingrad/training/worker';
 * serveExamples(async ({ path, label }, { rng }) => [await decode(path, rng.uniform() < 0.5), label]);
 * ```
 *
 * @param transform gets what the iterator's dataset has at an index. All random numbers must come from `context.rng`.
 */
export function serveExamples<I, O, D = unknown>(transform: ExampleTransform<I, O, D>): void {
  const port = parent();
  let data: unknown;
  port.receive((message) => {
    if (message.kind === 'start') data = message.data;
    else void answer(message, data);
  });

  async function answer(message: Extract<ToWorker, { kind: 'example' }>, given: unknown): Promise<void> {
    const { id, example, index, epoch, seed } = message;
    try {
      const context = { index, epoch, rng: new Random(seed), data: given as D };
      port.send({ id, value: compact(await transform(example as I, context)) });
    } catch (error) {
      port.send({ id, error: cloneable(error) });
    }
  }
}

/** An error as it can be sent: fields of its own may hold functions. */
function cloneable(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const copy = new Error(error.message);
  copy.name = error.name;
  if (error.stack !== undefined) copy.stack = error.stack;
  return copy;
}
