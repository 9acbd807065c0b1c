/** What one thread reaches at most in WASM: multiply-adds of four values, and reading memory. It runs in a Node process or in a page. */
import type { Platform } from './sides/side.ts';

export interface Limits {
  /** 10^9 operations a second, two for each multiply-add. */
  readonly gflops: number;
  /** Reading so many bytes again and again: 10^9 bytes a second, the smallest first. */
  readonly bandwidth: readonly (readonly [bytes: number, gigabytesPerSecond: number])[];
}

/** More than there are registers to wait for: the results of a multiply-add are there after 4 cycles, two begin in each. */
const SUMS = 12;

/** From the first-level cache to beyond the last. */
const SIZES = [16, 256, 1024, 8 * 1024, 128 * 1024].map((kilobytes) => kilobytes * 1024);

/** Memory of the program: the largest of the sizes behind a page for constants. */
export const LIMITS_PAGES = 1 + SIZES.at(-1)! / 65536;

/** The file that `prepare` makes of the source. */
export const limitsFile = (relaxed: boolean): string => `limits${relaxed ? '-relaxed' : ''}.wasm`;

/** The program, in AssemblyScript. */
export function limitsSource(relaxed: boolean): string {
  const names = Array.from({ length: SUMS }, (_, i) => `s${i}`);
  const madd = (sum: string) =>
    relaxed ? `f32x4.relaxed_madd(${sum}, a, b)` : `f32x4.add(f32x4.mul(${sum}, a), b)`;
  const readers = Array.from({ length: 8 }, (_, i) => `r${i}`);
  return `
export function multiplyAdds(repeats: i32): void {
  const a = v128.load(0), b = v128.load(16);
  ${names.map((name, i) => `let ${name} = f32x4.splat(${i});`).join(' ')}
  for (let i = 0; i < repeats; i++) {
    ${names.map((name) => `${name} = ${madd(name)};`).join(' ')}
  }
  ${names.map((name, i) => `v128.store(64, ${name}, ${16 * i});`).join(' ')}
}

export function read(bytes: usize, repeats: i32): void {
  ${readers.map((name) => `let ${name} = i32x4.splat(0);`).join(' ')}
  for (let i = 0; i < repeats; i++) {
    for (let at: usize = 65536; at < 65536 + bytes; at += ${16 * readers.length}) {
      ${readers.map((name, i) => `${name} = v128.xor(${name}, v128.load(at, ${16 * i}));`).join(' ')}
    }
  }
  ${readers.map((name, i) => `v128.store(64, ${name}, ${16 * i});`).join(' ')}
}
`;
}

interface Program {
  readonly memory: WebAssembly.Memory;
  multiplyAdds(repeats: number): void;
  read(bytes: number, repeats: number): void;
}

/** The shortest of some runs, in seconds: what other programs took of the processor is no limit. */
async function fastest(run: () => void, runs: number): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < runs; i++) {
    const begin = performance.now();
    run();
    least = Math.min(least, performance.now() - begin);
    // Code that the engine has optimized meanwhile is taken at the next call.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return least / 1000;
}

/** Takes about a quarter of a second. */
export async function measureLimits(platform: Platform): Promise<Limits> {
  const relaxed = await platform.read(limitsFile(true));
  const bytes = WebAssembly.validate(relaxed) ? relaxed : await platform.read(limitsFile(false));
  const { instance } = await WebAssembly.instantiate(bytes);
  const { memory, multiplyAdds, read } = instance.exports as unknown as Program;
  // Pages that were never written are all the same one.
  new Float32Array(memory.buffer).fill(0.5);
  for (let i = 0; i < 2000; i++) {
    multiplyAdds(20);
    read(1024, 1);
  }
  const repeats = 1_000_000;
  const seconds = await fastest(() => multiplyAdds(repeats), 40);
  const bandwidth: [number, number][] = [];
  for (const size of SIZES) {
    const times = Math.max(1, Math.round(SIZES.at(-1)! / 16 / size));
    bandwidth.push([size, (size * times) / (await fastest(() => read(size, times), 8)) / 1e9]);
  }
  return { gflops: (repeats * SUMS * 8) / seconds / 1e9, bandwidth };
}
