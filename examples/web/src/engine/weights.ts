/** The detector that comes with the page: its weights are fetched once, and kept by the browser where it can. */

/** Filled in by the build: the file's name, with a hash of its content. */
declare const WEIGHTS: string;

const CACHE = 'studio-weights';

/** @param tell is told how many bytes have come; nothing where they were kept. */
export async function readWeights(
  tell: (loaded: number, total: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(`./${WEIGHTS}`, import.meta.url).href;
  // Pages under plain http have no caches; some private windows refuse them.
  const cache = await globalThis.caches?.open(CACHE).catch(() => null);
  const kept = await cache?.match(url);
  if (kept !== undefined) return new Uint8Array(await kept.arrayBuffer());
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The detector's weights cannot be read: HTTP ${response.status}.`);
  const total = Number(response.headers.get('Content-Length'));
  const bytes = new Uint8Array(total);
  let loaded = 0;
  for (const reader = response.body!.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes.set(value, loaded);
    loaded += value.length;
    tell(loaded, total);
  }
  if (cache) {
    for (const old of await cache.keys()) await cache.delete(old);
    await cache.put(url, new Response(bytes)).catch(() => {});
  }
  return bytes;
}
