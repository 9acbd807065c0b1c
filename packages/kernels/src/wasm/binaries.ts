/** Our binaries for registers of 128 bits: the choice between them, and what their memory is. */
import { relaxed, simd } from './binaries.generated.ts';
import { WasmUnavailableError } from './errors.ts';
import { compileWith, settableV8 } from './v8-flags.ts';

export interface Binary {
  readonly module: WebAssembly.Module;
  /** Whether multiply-adds are fused (relaxed SIMD). */
  readonly relaxed: boolean;
  /** Whether it was compiled for registers of 256 bits; see wide.ts. */
  readonly wide: boolean;
}

const decode = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** An unsigned LEB128 number: its value, and where it ends. */
function leb(bytes: Uint8Array, at: number): [value: number, end: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

/** The offset of the flags of the memory that a binary imports or defines; -1 where it has none. */
function memoryFlags(bytes: Uint8Array): number {
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at]!;
    const [size, body] = leb(bytes, at + 1);
    at = body;
    if (id === 5) return leb(bytes, at)[1]; // memory section: a count, then the flags of the first
    if (id === 2) {
      let [count, p] = leb(bytes, at);
      for (; count > 0; count--) {
        for (let names = 0; names < 2; names++) {
          const [length, start] = leb(bytes, p);
          p = start + length;
        }
        const kind = bytes[p++]!;
        if (kind === 2) return p;
        if (kind === 0)
          p = leb(bytes, p)[1]; // a function: its type
        else if (kind === 3)
          p += 2; // a global: its type and mutability
        else return -1; // tables and tags: in none of the binaries that this is for
      }
    }
    at = body + size;
  }
  return -1;
}

/**
 * A copy of a WASM binary whose memory is shared between threads: flag 1 (has a maximum) becomes 3 (and is shared).
 *
 * @throws WasmUnavailableError when the binary has no memory with a maximum, which a shared one must have.
 */
export function withSharedMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  const at = memoryFlags(copy);
  if (at < 0 || (copy[at] !== 1 && copy[at] !== 3))
    throw new WasmUnavailableError('the binary has no memory with a maximum, so it cannot be shared.');
  copy[at] = 3;
  return copy;
}

/**
 * The bytes of an embedded binary.
 *
 * @param shared whether the memory it will be given is shared.
 */
export const embedded = (base64: string, shared: boolean): Uint8Array<ArrayBuffer> =>
  shared ? withSharedMemory(decode(base64)) : decode(base64);

/** The V8 of Node 20, 11.3, knows relaxed SIMD as all since do, but only when told; for all of its kind tiles have 4 rows, see assembly/simd.ts. */
const V8_OF_4_ROWS = 11;
const RELAXED_SIMD = 'experimental-wasm-relaxed-simd';

/** A binary that is not compiled yet. */
export interface BinaryBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly relaxed: boolean;
  /** Whether V8 must be told that relaxed SIMD is known. */
  readonly told: boolean;
}

/**
 * The fastest binary of those that this engine accepts.
 *
 * @param shared whether the memory it will be given is shared.
 * @throws WasmUnavailableError where there is no WASM SIMD.
 */
export async function binaryBytes(shared: boolean): Promise<BinaryBytes> {
  let bytes = embedded(relaxed, shared);
  const isKnown = WebAssembly.validate(bytes);
  if (settableV8() === V8_OF_4_ROWS) {
    const { relaxed4 } = await import('#node-binaries');
    // A program that was bundled for pages has none.
    if (relaxed4 !== '') return { bytes: embedded(relaxed4, shared), relaxed: true, told: !isKnown };
  }
  if (isKnown) return { bytes, relaxed: true, told: false };
  bytes = embedded(simd, shared);
  if (WebAssembly.validate(bytes)) return { bytes, relaxed: false, told: false };
  throw new WasmUnavailableError('this JavaScript engine has no WASM SIMD.');
}

/** Compiles a binary; V8 knows relaxed SIMD meanwhile where it must be told. */
export async function compileBytes({ bytes, relaxed, told }: BinaryBytes): Promise<Binary> {
  const module = told
    ? compileWith([`--${RELAXED_SIMD}`], [`--no-${RELAXED_SIMD}`], bytes)
    : await WebAssembly.compile(bytes);
  return { module, relaxed, wide: false };
}
