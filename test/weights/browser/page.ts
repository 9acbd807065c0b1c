/** What runs in the page: the same API as in Node. */
import '@tensorflow/tfjs-backend-cpu';
import { Linear } from '@chaingrad/core';
import { cachedFile, damageOf, load, openCache, openWeights } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';

const notices: string[] = [];
const options = { retryDelay: 1, onNotice: (text: string) => notices.push(text) };
const hex = async (source: unknown) => {
  const digest = await crypto.subtle.digest('SHA-256', await new Response(source as Blob).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
};

const page = {
  /** Gets a file; its digest, or the error's name and message. */
  async get(url: string, more: object = {}): Promise<string> {
    try {
      const file = await cachedFile(url, { ...options, ...more });
      return `${file.constructor.name} ${await hex(file)}`;
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  },
  notices: () => notices.splice(0),
  list: () => openCache()!.list(),
  clear: () => openCache()!.clear(),
  /** Changes one byte of the first segment of every cached file. */
  async damage(): Promise<void> {
    const cache = await caches.open('chaingrad');
    for (const request of await cache.keys()) {
      if (!request.url.endsWith('/part/0')) continue;
      const bytes = new Uint8Array(await (await cache.match(request))!.arrayBuffer());
      bytes[100]! ^= 1;
      await cache.put(request, new Response(bytes));
    }
  },
  async damages(): Promise<(string | null)[]> {
    const cache = openCache()!;
    return Promise.all((await cache.list()).map((entry) => damageOf(cache, entry)));
  },
  /** Loads a Linear(3, 2): from an address into the cache, by ranges, from a File, from a stream. */
  async load(url: string): Promise<number[][]> {
    await tf.setBackend('cpu');
    const bytes = await (await fetch(url)).arrayBuffer();
    const sources = [
      [url, {}],
      [url, { fetch: 'ranges' }],
      [new File([bytes], 'w.npz'), {}],
      [new Blob([bytes]).stream(), {}],
      [bytes, {}],
    ] as const;
    const values: number[][] = [];
    for (const [source, more] of sources) {
      const net = new Linear(3, 2);
      await load(net, source, { ...options, ...more });
      values.push([...net.W.tensor.dataSync()]);
    }
    return values;
  },
  /** What the packaged detectors are called, and how a hostile file is told. */
  async refuse(url: string): Promise<string> {
    return openWeights(url, options).then(
      () => 'opened',
      (error: Error) => `${error.name}: ${error.message}`,
    );
  },
};

declare global {
  var weightsPage: typeof page;
}
globalThis.weightsPage = page;
