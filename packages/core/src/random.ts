/** Seedable random numbers: whatever draws takes a `Random`, so that runs can be repeated exactly. */

const rotl = (x: number, k: number) => (x << k) | (x >>> (32 - k));

/** The state of a generator, as plain numbers (for snapshots). */
export type RandomState = readonly [number, number, number, number];

/** xoshiro128** (Blackman and Vigna, 2018), seeded by splitmix32. */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  /** @param seed any integer; without it the generator starts from the platform's entropy. */
  constructor(seed: number = (Math.random() * 2 ** 32) >>> 0) {
    let s = seed | 0;
    const next = () => {
      s = (s + 0x9e3779b9) | 0;
      let t = s ^ (s >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      return t ^ (t >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  get state(): RandomState {
    return [this.#a, this.#b, this.#c, this.#d];
  }

  set state(state: RandomState) {
    [this.#a, this.#b, this.#c, this.#d] = state;
  }

  /** 32 random bits, as an unsigned integer. */
  bits(): number {
    const result = Math.imul(rotl(Math.imul(this.#b, 5), 7), 9);
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotl(this.#d, 11);
    return result >>> 0;
  }

  /** Uniform in [lo, hi). */
  uniform(lo = 0, hi = 1): number {
    return lo + (hi - lo) * (this.bits() / 2 ** 32);
  }

  /** A uniform integer in [0, n). */
  integer(n: number): number {
    return Math.floor((this.bits() / 2 ** 32) * n);
  }

  /** A standard normal number (Marsaglia's polar method). */
  normal(): number {
    for (;;) {
      const u = this.bits() / 2 ** 31 - 1;
      const v = this.bits() / 2 ** 31 - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.log(s)) / s);
    }
  }

  /** Fills `out` with N(mean, std^2), two numbers a draw. */
  fillNormal(out: Float32Array, mean: number, std: number): void {
    for (let i = 0; i < out.length; ) {
      const u = this.bits() / 2 ** 31 - 1;
      const v = this.bits() / 2 ** 31 - 1;
      const s = u * u + v * v;
      if (s === 0 || s >= 1) continue;
      const f = std * Math.sqrt((-2 * Math.log(s)) / s);
      out[i++] = mean + u * f;
      if (i < out.length) out[i++] = mean + v * f;
    }
  }

  /** Fills `out` uniformly in [lo, hi). */
  fillUniform(out: Float32Array, lo: number, hi: number): void {
    const f = (hi - lo) / 2 ** 32;
    for (let i = 0; i < out.length; i++) out[i] = lo + this.bits() * f;
  }

  /** A random order of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

let shared = new Random();

/** The generator that is used where none is given. */
export const defaultRandom = (): Random => shared;

/** Restarts the default generator from `seed`: initial weights, dropout and shuffles repeat exactly after it. */
export function setSeed(seed: number): void {
  shared = new Random(seed);
}
