/** Copies of classes with `#private` fields: whole, or refused with the cure; never broken. */
import '@tensorflow/tfjs-backend-cpu';
import {
  Chain,
  ChainList,
  type CopyMode,
  Linear,
  type Link,
  NotCopyableError,
  setSeed,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

const modes: CopyMode[] = ['share', 'copy', 'init'];

class Scaled extends Chain {
  readonly fc = new Linear(2, 2);
  readonly #scale = 3;
  #note = `#${'not a private'} /* nor this */ = 1`;
  #twice(x: tf.Tensor): tf.Tensor {
    return tf.mul(x, this.#scale === 3 ? 2 : 0);
  }
  get note(): string {
    return this.#note;
  }
  override forward(x: tf.Tensor): tf.Tensor {
    return tf.mul(this.#twice(this.fc.call(x)), this.#scale);
  }
}

class Below extends Scaled {
  readonly extra = new Linear(2, 1);
}

class Listed extends ChainList<Linear> {
  readonly #rate = 0.5;
  constructor() {
    super(new Linear(2, 2), new Linear(2, 2));
  }
  override forward(x: tf.Tensor): tf.Tensor {
    return tf.mul(this.at(1).call(this.at(0).call(x)), this.#rate);
  }
}

class Given extends Chain {
  readonly fc = new Linear(2, 2);
  readonly #scale: number;
  constructor(scale: number) {
    super();
    this.#scale = scale;
  }
  override forward(x: tf.Tensor): tf.Tensor {
    return tf.mul(this.fc.call(x), this.#scale);
  }
}

class Cured extends Given {
  #calls = 0;
  override forward(x: tf.Tensor): tf.Tensor {
    this.#calls += 1;
    return super.forward(x);
  }
  get calls(): number {
    return this.#calls;
  }
  protected override newInstance(): Link {
    const made = new Cured(5);
    made.#calls = this.#calls;
    return made;
  }
}

class BelowCured extends Cured {
  readonly label = 'below';
}

class Counting extends Chain {
  #calls = 0;
  override forward(x: tf.Tensor): tf.Tensor {
    this.#calls++;
    return tf.mul(x, this.#calls);
  }
}

class Swapping extends Chain {
  #a = 1;
  override forward(x: tf.Tensor): tf.Tensor {
    [this.#a] = [2];
    return tf.mul(x, this.#a);
  }
}

class Checked extends Chain {
  readonly #size: number = 4;
  constructor(options: { size: number }) {
    super();
    if (options.size !== this.#size) throw new Error('wrong size');
  }
}

class Compares extends Chain {
  readonly #mode: string = 'a';
  static #made = 0;
  static count = () => ++Compares.#made;
  get isA(): boolean {
    return this.#mode === 'a' && [this.#mode].some((x) => x === 'a');
  }
}

class BelowCuredWithOwn extends Cured {
  #own = 1;
  get own(): number {
    return this.#own;
  }
}

const run = (link: Link & { forward(x: tf.Tensor): tf.Tensor }) =>
  Array.from(tf.tidy(() => link.call(tf.ones([1, 2])).dataSync()));

describe('copies of links with #private fields', () => {
  before(() => tf.setBackend('cpu'));

  for (const mode of modes) {
    for (const type of [Scaled, Below, Listed]) {
      it(`${type.name}, '${mode}'`, () => {
        const before = tf.memory().numTensors;
        const link = new type();
        const copy = link.copy(mode);
        if (mode !== 'init') expect(run(copy)).to.deep.equal(run(link));
        else expect(run(copy)).to.have.length(2);
        expect([...copy.namedparams()].map(([path]) => path)).to.deep.equal(
          [...link.namedparams()].map(([path]) => path),
        );
        copy.dispose();
        link.dispose();
        expect(tf.memory().numTensors).to.equal(before);
      });
    }

    it(`newInstance carries what changed, '${mode}'`, () => {
      const link = new BelowCured(5);
      run(link);
      const copy = link.copy(mode);
      expect([copy.calls, copy.label, copy instanceof BelowCured]).to.deep.equal([1, 'below', true]);
      if (mode !== 'init') expect(run(copy)).to.deep.equal(run(link));
    });
  }

  it('reads the text of a class right', () => {
    expect(new Scaled().copy().note).to.equal('#not a private /* nor this */ = 1');
    expect(new Compares().copy().isA).to.equal(true);
    expect(Compares.count()).to.equal(1);
  });

  it('draws nothing from the default generator for a copy', () => {
    const link = new Scaled();
    const drawn = (act: () => void) => {
      setSeed(7);
      act();
      return Array.from(new Linear(2, 2).W.tensor.dataSync());
    };
    expect(drawn(() => link.copy('copy'))).to.deep.equal(drawn(() => undefined));
  });

  for (const [make, name, field] of [
    [() => new Given(2), 'Given', '#scale'],
    [() => new Counting(), 'Counting', '#calls'],
    [() => new Swapping(), 'Swapping', '#a'],
    [() => new Checked({ size: 4 }), 'Checked', '#size'],
    [() => new BelowCuredWithOwn(5), 'BelowCuredWithOwn', '#own'],
  ] as const) {
    it(`refuses ${name}, which would lose ${field}`, () => {
      for (const holder of [make(), new ChainList(make() as Link)]) {
        expect(() => holder.copy()).to.throw(NotCopyableError, `${name}.copy: the values of ${field}`);
        expect(() => holder.copy()).to.throw(/newInstance\(\)/);
      }
    });
  }
});
