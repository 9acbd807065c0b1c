/** The detectors that come with the page: the weights of each are fetched when it is first needed, and kept by the browser where it can. */

/** Filled in by the build: the files' names, with a hash of their content. */
declare const WEIGHTS: {
  /** Of the detector with which every training starts. */
  readonly start: string;
  /** A graph-model and its values. */
  readonly everyday: { readonly model: string; readonly values: string };
};

const all = [WEIGHTS.start, WEIGHTS.everyday.model, WEIGHTS.everyday.values];
const urlOf = (file: string) => new URL(`./${file}`, import.meta.url).href;

type Tell = (loaded: number, total: number) => void;

/** @param tell is told how many bytes have come; nothing where they were kept. */
export const readStart = (tell: Tell): Promise<Uint8Array<ArrayBuffer>> => read(WEIGHTS.start, tell);

/** @returns what `importTfjs` reads: the model, then its values under the name that it has for them. */
export async function readEveryday(tell: Tell): Promise<File[]> {
  const [model, values] = await Promise.all([
    read(WEIGHTS.everyday.model, () => {}),
    read(WEIGHTS.everyday.values, tell),
  ]);
  return [new File([model], 'model.json'), new File([values], 'centernet.bin')];
}

const CACHE = 'studio-weights';

async function read(file: string, tell: Tell): Promise<Uint8Array<ArrayBuffer>> {
  const url = urlOf(file);
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
    const wanted = all.map(urlOf);
    for (const old of await cache.keys()) if (!wanted.includes(old.url)) await cache.delete(old);
    await cache.put(url, new Response(bytes)).catch(() => {});
  }
  return bytes;
}
