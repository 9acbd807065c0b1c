/** The number generator and the file readers of the goldens (answers of the real Chainer and ChainerCV). */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';

export const fixturePath = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

/** A JSON fixture, e.g. `goldens/functions.json`. */
export function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(fixturePath(name), 'utf8')) as T;
}

export interface GoldenArray {
  readonly shape: number[];
  readonly dtype: string;
  readonly data: Float32Array | Float64Array | Int32Array | Uint8Array;
}

/** Every array of an npz fixture. A reader of its own, so that the library's reader is not its own judge. */
export function readNpz(name: string): Map<string, GoldenArray> {
  const entries = unzipSync(readFileSync(fixturePath(name)));
  const arrays = new Map<string, GoldenArray>();
  for (const [file, bytes] of Object.entries(entries)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const wide = bytes[6]! >= 2;
    const headerLength = wide ? view.getUint32(8, true) : view.getUint16(8, true);
    const start = (wide ? 12 : 10) + headerLength;
    const header = new TextDecoder().decode(bytes.subarray(wide ? 12 : 10, start));
    const dtype = /'descr': '([^']+)'/.exec(header)![1]!;
    const shape = /'shape': \(([^)]*)\)/
      .exec(header)![1]!
      .split(',')
      .filter((s) => s.trim())
      .map(Number);
    const body = bytes.slice(start).buffer;
    const data = (() => {
      switch (dtype) {
        case '<f4':
          return new Float32Array(body);
        case '<f8':
          return new Float64Array(body);
        case '<i4':
          return new Int32Array(body);
        case '<i8':
          return Int32Array.from(new BigInt64Array(body), Number);
        case '|u1':
        case '|b1':
          return new Uint8Array(body);
        default:
          return new Uint8Array(body);
      }
    })();
    const ordered = header.includes("'fortran_order': True") ? rowMajor(data, shape) : data;
    arrays.set(file.replace(/\.npy$/, ''), { shape, dtype, data: ordered });
  }
  return arrays;
}

/** Column-major values in row-major order. */
function rowMajor(data: GoldenArray['data'], shape: readonly number[]): GoldenArray['data'] {
  const out = data.slice();
  for (let i = 0; i < out.length; i++) {
    let [rest, from, stride] = [i, 0, out.length];
    for (const size of shape.toReversed()) {
      stride /= size;
      from += (rest % size) * stride;
      rest = Math.floor(rest / size);
    }
    out[i] = data[from]!;
  }
  return out;
}

/** 32-bit FNV-1a of the UTF-8 bytes of `s`. */
export function fnv1a32(s: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(s)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

function mix32(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

const word = (seed: number, i: number) => mix32((seed + Math.imul(i + 1, 0x9e3779b9)) >>> 0);

/** `unit(key, i)`: exact float64 in [-1, 1). */
export const unit = (key: string, i: number) => (word(fnv1a32(key), i) >>> 8) / 2 ** 23 - 1;

/** What is added to each element whose flat index leaves the remainder `at` (0 if absent) in a division by `mod`. */
export interface Every {
  readonly mod: number;
  readonly at?: number;
  readonly add: number;
}

/** `n` values `fround(offset + unit * scale)`. */
export function generate(
  row: { key: string; scale: number; offset: number; every?: Every | undefined },
  n: number,
): Float32Array<ArrayBuffer> {
  const seed = fnv1a32(row.key);
  const out = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    let v = row.offset + ((word(seed, i) >>> 8) / 2 ** 23 - 1) * row.scale;
    if (row.every && i % row.every.mod === (row.every.at ?? 0)) v += row.every.add;
    out[i] = v;
  }
  return out;
}

/** `n` integers in [lo, lo + range). */
export function ints(key: string, n: number, range: number, lo = 0): Int32Array {
  const seed = fnv1a32(key);
  return Int32Array.from({ length: n }, (_, i) => lo + Math.floor(((word(seed, i) >>> 8) * range) / 2 ** 24));
}

/** The generated image of the goldens: CHW, RGB, 0..255. */
export function imageU8(key: string, c: number, h: number, w: number): Uint8Array {
  const out = new Uint8Array(c * h * w);
  for (let k = 0; k < c; k++) {
    const p = ints(`${key}/${k}/k`, 12, 256);
    const noise = fnv1a32(`${key}/${k}/n`);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        let v = 96;
        for (let r = 0; r < 3; r++) {
          const [amp, fy, fx, ph] = [p[4 * r]!, p[4 * r + 1]!, p[4 * r + 2]!, p[4 * r + 3]!];
          const t = ((fy % 7) * y + (fx % 7) * x + ph) % 256;
          v += Math.floor(((amp - 96) * (t < 128 ? t : 255 - t)) / 128);
        }
        v += ((word(noise, y * w + x) >>> 24) % 17) - 8;
        out[(k * h + y) * w + x] = Math.min(255, Math.max(0, v));
      }
    }
  }
  return out;
}

/** Moves channels last: CHW (or NCHW) values into HWC (NHWC) order. */
export function channelsLast<T extends Float32Array | Uint8Array>(data: T, shape: readonly number[]): T {
  const [c, h, w] = shape.slice(-3) as [number, number, number];
  const n = shape.length === 4 ? shape[0]! : 1;
  const out = data.slice() as T;
  let o = 0;
  for (let b = 0; b < n; b++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) for (let k = 0; k < c; k++) out[o++] = data[((b * c + k) * h + y) * w + x]!;
  return out;
}
