/** Finds tfjs' own WASM binary in a page: in Node tfjs finds it by itself. */
import { WasmUnavailableError } from './errors.ts';
import { handOverBinary } from './hand-over.ts';
import { canShareMemory, type SetWasmPaths, shareTfjsWasmMemory } from './shared-memory.ts';

/** The version that package.json pins: other binaries have other interfaces. */
const CDN =
  'https://cdn.jsdelivr.net/npm/@tensorflow/tfjs-backend-wasm@4.22.0/dist/tfjs-backend-wasm-simd.wasm';
const CDN_INTEGRITY = 'sha384-K3GxiUF8sNsf8m8ZYuEKWXFARCxCn0erZqbTdbYOpxeDRf0k+CWFF5gZ3xbW4cez';

/** Whether bytes are a WASM binary: a server may answer any address with its front page. */
const isWasm = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;

async function read(url: string | URL, integrity?: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url, integrity === undefined ? {} : { integrity, credentials: 'omit' });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (!isWasm(bytes)) throw new Error('the answer is not a WASM binary');
  return bytes;
}

/**
 * The bytes of tfjs-backend-wasm-simd.wasm: from `file`, else from beside this package's modules, where bundlers that know
 * `new URL(..., import.meta.url)` put it (Vite, webpack), else from jsDelivr, checked against a known hash.
 *
 * @param file its address, for pages that keep it elsewhere; nothing else is tried then.
 * @throws WasmUnavailableError that tells every place where it was looked for.
 */
export async function readTfjsWasm(file?: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const places: (readonly [url: string | URL, integrity?: string])[] =
    file !== undefined
      ? [[file]]
      : [[new URL('./tfjs-backend-wasm-simd.wasm', import.meta.url)], [CDN, CDN_INTEGRITY]];
  const failures: string[] = [];
  for (const [url, integrity] of places) {
    try {
      return await read(url, integrity);
    } catch (error) {
      failures.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new WasmUnavailableError(
    `tfjs-backend-wasm-simd.wasm was not found. Put it next to the page's scripts, or give its address. ${failures.join('; ')}.`,
  );
}

/** A page's policy may forbid WebAssembly; tfjs would wait for its module for ever. */
async function checkPolicy(): Promise<void> {
  try {
    await WebAssembly.compile(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new WasmUnavailableError(
      `WebAssembly cannot be compiled here. A Content-Security-Policy needs script-src 'wasm-unsafe-eval' (${why}).`,
    );
  }
}

/**
 * Gives the wasm backend that is started next its binary, in a page: with a heap that threads share where the page is
 * cross-origin isolated.
 *
 * @param setWasmPaths of @tensorflow/tfjs-backend-wasm.
 * @param file the address of tfjs-backend-wasm-simd.wasm; found by itself where none is given.
 * @throws WasmUnavailableError when it is not found, when the page's policy forbids WebAssembly, or when the backend is started
 *   already.
 */
export async function provideTfjsWasm(setWasmPaths: SetWasmPaths, file?: string | URL): Promise<void> {
  await checkPolicy();
  const bytes = await readTfjsWasm(file);
  if (canShareMemory()) {
    shareTfjsWasmMemory(setWasmPaths, bytes);
    return;
  }
  handOverBinary(setWasmPaths, bytes);
}
