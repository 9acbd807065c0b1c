/** The worker: answers the page's calls one after the other; training goes on between them. */
import { Engine } from './engine/engine.ts';
import type { Request, WorkerEvent } from './protocol.ts';

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Request>) => void;
  postMessage(message: unknown, transfer?: Transferable[]): void;
};

const engine = new Engine((event: WorkerEvent) => scope.postMessage(event));
const calls = engine as unknown as Record<string, (argument: unknown) => unknown>;
let queue: Promise<unknown> = Promise.resolve();

scope.onmessage = ({ data: { id, name, argument } }) => {
  const run = async () => {
    try {
      scope.postMessage({ id, result: (await calls[name]!.call(engine, argument)) ?? null });
    } catch (error) {
      scope.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
    }
  };
  queue = queue.then(run);
};
