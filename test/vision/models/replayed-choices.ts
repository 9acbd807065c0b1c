/** NumPy's recorded draws of `choice`, as a generator of integers that `sample` makes the same choices with. */
import type { Rng } from '@chaingrad/vision';
import { expect } from 'chai';

export interface RecordedChoice {
  /** What was drawn from. */
  readonly items: ArrayLike<number>;
  readonly drawn: ArrayLike<number>;
  readonly replace?: boolean;
}

export class ReplayedChoices implements Rng {
  readonly #integers: (readonly [n: number, value: number])[] = [];

  constructor(choices: readonly RecordedChoice[]) {
    for (const { items, drawn, replace = false } of choices) {
      const left = Array.from(items);
      Array.from(drawn).forEach((value, i) => {
        const first = replace ? 0 : i;
        const at = left.indexOf(value, first);
        this.#integers.push([left.length - first, at - first]);
        if (!replace) [left[i], left[at]] = [left[at]!, left[i]!];
      });
    }
  }

  get exhausted(): boolean {
    return this.#integers.length === 0;
  }

  integer(n: number): number {
    const next = this.#integers.shift();
    expect(next?.[0], 'items to choose from').to.equal(n);
    return next![1];
  }

  uniform(): number {
    throw new Error('no uniform draw was recorded');
  }

  normal(): number {
    throw new Error('no normal draw was recorded');
  }
}
