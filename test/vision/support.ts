/** What the tests of the vision package share. */

import type { Image, Rng } from '@chaingrad/vision';
import { expect } from 'chai';
import { channelsLast, type GoldenArray, imageU8, readJson, readNpz } from '../support/goldens.ts';

const lazy = <T>(make: () => T): (() => T) => {
  let value: T | undefined;
  return () => (value ??= make());
};

/** A set of goldens, read when first asked for. */
export function goldens<Description>(name: string) {
  const json = lazy(() => readJson<Description>(`goldens/${name}.json`));
  const npz = lazy(() => readNpz(`goldens/${name}.npz`));
  const array = (key: string): GoldenArray => {
    const found = npz().get(key);
    if (found === undefined) throw new Error(`${name}.npz has no array '${key}'`);
    return found;
  };
  return {
    json,
    has: (key: string) => npz().has(key),
    array,
    f32: (key: string) => array(key).data as Float32Array,
    f64: (key: string) => array(key).data as Float64Array,
    i32: (key: string) => array(key).data as Int32Array,
    /** A golden image (CHW) as the package has them (HWC). */
    image: (key: string): Image<Float32Array> => {
      const { shape, data } = array(key);
      const [c, h, w] = shape as [number, number, number];
      return { data: channelsLast(data as Float32Array, shape), shape: [h, w, c] };
    },
  };
}

/** The generated image of the goldens, HWC. */
export const generatedImage = (key: string, h: number, w: number): Image<Uint8Array> => ({
  data: channelsLast(imageU8(key, 3, h, w), [3, h, w]),
  shape: [h, w, 3],
});

/** The largest absolute difference; infinite if lengths differ or one side alone is not finite. */
export function maxAbsDiff(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    if (Object.is(got[i], want[i])) continue;
    const d = Math.abs(got[i]! - want[i]!);
    if (!(d <= worst)) worst = Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
  }
  return worst;
}

/** Expects equal lengths and every value within `atol`. */
export function expectClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  atol: number,
  what = 'values',
): void {
  expect(got.length, `${what}: length`).to.equal(want.length);
  expect(maxAbsDiff(got, want), `${what}: largest difference`).to.be.at.most(atol);
}

/** A draw recorded from Python: method of `random`, arguments, result (of `choice`: the index). */
export type RecordedDraw = readonly [method: string, args: readonly (number | string)[], value: number];

/** A generator that gives recorded draws, and fails where other ones are asked for. */
export class ReplayedRng implements Rng {
  #next = 0;
  constructor(readonly draws: readonly RecordedDraw[]) {}

  get exhausted(): boolean {
    return this.#next === this.draws.length;
  }

  #take(asked: string): RecordedDraw {
    const draw = this.draws[this.#next++];
    if (draw === undefined)
      throw new Error(`${asked} was asked for after the last of ${this.draws.length} draws`);
    return draw;
  }

  uniform(lo: number, hi: number): number {
    const [method, args, value] = this.#take(`uniform(${lo}, ${hi})`);
    expect(method, `draw ${this.#next}`).to.equal('uniform');
    expect(lo, `draw ${this.#next}`).to.be.closeTo(args[0] as number, 1e-12);
    expect(hi, `draw ${this.#next}`).to.be.closeTo(args[1] as number, 1e-12);
    return value;
  }

  integer(n: number): number {
    const [method, args, value] = this.#take(`integer(${n})`);
    switch (method) {
      case 'randrange':
        expect(n, `draw ${this.#next}`).to.equal(args[0]);
        return value;
      case 'randint':
        expect(n, `draw ${this.#next}`).to.equal((args[1] as number) - (args[0] as number) + 1);
        return value - (args[0] as number);
      case 'choice':
        expect(`sequence of ${n}`, `draw ${this.#next}`).to.equal(args[0]);
        return value;
      default:
        throw new Error(`draw ${this.#next} is a ${method}, integer(${n}) was asked for`);
    }
  }

  normal(): number {
    throw new Error('no normal draw was recorded');
  }
}

/** A small generator of its own for property tests: Lehmer's, so that runs repeat. */
export class TestRng implements Rng {
  #state: number;
  constructor(seed: number) {
    this.#state = (seed % 2147483646) + 1;
  }
  uniform(lo: number, hi: number): number {
    this.#state = (this.#state * 48271) % 2147483647;
    return lo + ((hi - lo) * (this.#state - 1)) / 2147483646;
  }
  integer(n: number): number {
    return Math.min(n - 1, Math.floor(this.uniform(0, n)));
  }
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform(0, 1))) * Math.cos(2 * Math.PI * this.uniform(0, 1));
  }
}
