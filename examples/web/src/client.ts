/** The page's end of the worker: every call is a promise. */
import type { CallName, Calls, Reply, WorkerEvent } from './protocol.ts';

export class Client {
  readonly #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (reason: Error) => void }>();
  readonly #listeners: ((event: WorkerEvent) => void)[] = [];
  #next = 1;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Reply | WorkerEvent>) => {
      if ('event' in data) {
        for (const listener of this.#listeners) listener(data);
        return;
      }
      const call = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ('error' in data) call?.reject(new Error(data.error));
      else call?.resolve(data.result as never);
    };
    this.#worker.onerror = (event) => {
      const error = new Error(`The worker failed: ${event.message || 'it could not be loaded'}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
  }

  call<N extends CallName>(
    name: N,
    argument: Calls[N][0],
    transfer: Transferable[] = [],
  ): Promise<Calls[N][1]> {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, name, argument }, transfer);
    });
  }

  listen(listener: (event: WorkerEvent) => void): void {
    this.#listeners.push(listener);
  }
}
