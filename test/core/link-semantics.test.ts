/** The 66 observations of the real Chainer's links: each is met, or deviates for a reason that stands beside it. */
import '@tensorflow/tfjs-backend-cpu';
import {
  BatchNormalization,
  Chain,
  ChainList,
  Constant,
  Convolution2D,
  DuplicateNameError,
  InvalidArgumentError,
  Linear,
  Link,
  MismatchError,
  NothingToDoError,
  Parameter,
  relu,
  Sequential,
  transferParams,
  UninitializedParameterError,
} from '@chaingrad/core';
import { loadNpz, MemoryWeights, serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { readJson } from '../support/goldens.ts';

interface Observation {
  readonly case: string;
  readonly returns?: unknown;
  readonly raises?: string;
}

/** Five children whose names sort differently by code point, by locale and by registration. Two are lazy. */
class Sorted extends Chain {
  readonly zeta = new Linear(null, 3);
  readonly B1 = new Linear(2, 2);
  readonly b2 = new Linear(2, 2);
  readonly alpha = new Linear(null, 4);
  readonly b10 = new Linear(2, 2);
}

class WithOwn extends Sorted {
  readonly q = new Parameter(0, [2]);
  readonly a = new Parameter(0, [3]);
}

const values = (param: Parameter) => Array.from(param.tensor.dataSync());
const names = (link: Link, includeUninit = true) =>
  [...link.namedparams(includeUninit)].map(([path]) => path);
const initialized = (link: Link) => [...link.namedparams()].map(([path, p]) => [path, p.isInitialized]);
const filled = (inSize: number | null, outSize: number, fill: number) =>
  new Linear(inSize, outSize, { initialW: fill, initialBias: fill });

class Pair extends Chain {
  constructor(
    readonly B1: Linear,
    readonly extra?: Link,
  ) {
    super();
  }
}

class Norm extends Chain {
  readonly bn = new BatchNormalization(2);
  fill(): this {
    this.bn.gamma!.assign(tf.fill([2], 5));
    this.bn.avg_mean.value = tf.fill([2], 3);
    this.bn.avg_var.value = tf.fill([2], 9);
    this.bn.N.value = 11;
    return this;
  }
  get facts() {
    return {
      gamma: values(this.bn.gamma!),
      avg_mean: Array.from((this.bn.avg_mean.value as tf.Tensor).dataSync()),
      avg_var: Array.from((this.bn.avg_var.value as tf.Tensor).dataSync()),
      N: this.bn.N.value,
    };
  }
}

/** The golden's case -> the same here. A function's value must equal the golden's `returns`. */
const same: Record<string, () => unknown> = {
  'Chain.namedparams: children sorted by name (code point order), not by registration': () =>
    names(new Sorted()),
  'Chain.namedparams: own parameters come before those of children': () => names(new WithOwn()),
  'ChainList of 12: index order (0,1,2,...,10,11), not string order': () =>
    names(new ChainList(...Array.from({ length: 12 }, () => new Linear(1, 1)))),
  'Sequential(Linear, relu, Linear): only links are numbered in paths, so the second Linear is /1': () =>
    names(new Sequential(new Linear(2, 2), relu, new Linear(2, 2))),
  'Linear(None,4): W uninitialised, b initialised': () => {
    // The golden's third column: whether `b` is all that exists.
    const link = new Linear(null, 4);
    return [...link.namedparams()].map(([path, p]) => [path, p.isInitialized, !p.isInitialized]);
  },
  'Convolution2D(None,4,3)': () => initialized(new Convolution2D(null, 4, 3)),
  'BatchNormalization(axis=(0,)): gamma, beta lazily sized': () =>
    initialized(new BatchNormalization(null, { axis: [0] })),
  'BatchNormalization(3) names': () => {
    const bn = new BatchNormalization(3);
    return [names(bn), [...bn.namedpersistents()].map(([path]) => path.slice(1))];
  },
  'include_uninit=False leaves uninitialised parameters out': () => names(new Sorted(), false),
  'copyparams: initialised source into uninitialised destination initialises the destination': () => {
    const dst = new Pair(filled(null, 2, 0));
    dst.copyparams(new Pair(filled(2, 2, 7)));
    return [...dst.namedparams()].map(([path, p]) => [path, p.shape, values(p).every((v) => v === 7)]);
  },
  'copyparams: both uninitialised': () => {
    const dst = new Linear(null, 2);
    dst.copyparams(new Linear(null, 2));
    return [dst.W.isInitialized, dst.b!.isInitialized];
  },
  'copyparams: source has an extra child': () => {
    new Pair(filled(2, 2, 0)).copyparams(new Pair(filled(2, 2, 7), new Linear(1, 1)));
    return true;
  },
  'copyparams: ChainList, source longer': () => {
    const dst = new ChainList(filled(1, 1, 0));
    dst.copyparams(new ChainList(filled(1, 1, 7), filled(1, 1, 8)));
    return values(dst.at(0).W)[0] === 7;
  },
  'BatchNormalization through copyparams: statistics and N travel': () => {
    const dst = new Norm();
    dst.copyparams(new Norm().fill());
    return dst.facts;
  },
  'BatchNormalization through copyparams(copy_persistent=False)': () => {
    const dst = new Norm();
    dst.copyparams(new Norm().fill(), false);
    return dst.facts;
  },
  'BatchNormalization through the fine-tune loop over namedparams: statistics and N stay behind': () => {
    const dst = new Norm();
    transferParams(new Norm().fill(), dst, { ignore: /\/(avg_mean|avg_var|N)$/ });
    return dst.facts;
  },
  'fine-tune loop: source has extra names': () => {
    const report = transferParams(new Pair(filled(2, 2, 7), new Linear(1, 1)), new Pair(filled(2, 2, 0)));
    expect(report.unusedInSrc).to.deep.equal(['/extra/W', '/extra/b']);
    return null;
  },
  'fine-tune loop: float64 source is cast to the float32 destination': async () => {
    const dst = new Link();
    const param = dst.addParam('W', [2], 0);
    const array = { shape: [2], dtype: 'float64' as const, data: new Float64Array([1, 2]) };
    await transferParams(new MemoryWeights('memory', 'npz', new Map([['W', array]])), dst);
    expect(values(param)).to.deep.equal([1, 2]);
    return param.dtype;
  },
  'fine-tune loop copies values into the existing array (no aliasing)': () => {
    const [src, dst] = [filled(2, 2, 7), filled(2, 2, 0)];
    const { W } = dst;
    transferParams(src, dst);
    const kept = dst.W === W;
    src.W.assign(tf.zeros([2, 2]));
    return { same_array_object_kept: kept, aliases_source: values(dst.W)[0] !== 7 };
  },
  'assigning a second Parameter under the same name in init_scope replaces the first': () => {
    class One extends Link {
      W = new Parameter(0, [2]);
    }
    const link = new One();
    link.W = new Parameter(0, [3]);
    return [...link.namedparams()].map(([path, p]) => [path, p.shape]);
  },
  'the same link registered under two names is listed twice': () => {
    const shared = new Linear(1, 1);
    const chain = new Chain();
    chain.addLink('a', shared);
    chain.addLink('b', shared);
    return { namedparams: names(chain), link_name_is_last: shared.name, count_params: chain.countParams() };
  },
  'del removes the child from namedparams': () => {
    const chain = new Sorted();
    delete (chain as { b2?: Linear }).b2;
    return names(chain);
  },
  'add_param without initializer is NaN filled': () =>
    values(new Link().addParam('p', [3])).every(Number.isNaN),
  'namedlinks order': () => [...new Sorted().namedlinks()].map(([path]) => path),
  'namedlinks skipself': () => [...new Sorted().namedlinks(true)].map(([path]) => path),
  'namedlinks of nested Chain in ChainList': () =>
    [...new ChainList<Link>(new Sorted(), new Linear(1, 1)).namedlinks()].map(([path]) => path),
  'Parameter.name and Link.name': () => {
    const chain = new Sorted();
    names(chain);
    return [chain.zeta.name, chain.zeta.W.name, chain.name];
  },
  "Link.copy('share')": () => {
    const src = filled(2, 2, 7);
    src.W.grad = tf.ones([2, 2]);
    const copy = src.copy('share');
    const equal = values(copy.W).every((v) => v === 7);
    src.W.assign(tf.zeros([2, 2]));
    return { shares_array: values(copy.W)[0] === 0, equal, name: copy.name, grad: copy.W.grad };
  },
  "Link.copy('copy')": () => {
    const src = filled(2, 2, 7);
    src.W.grad = tf.ones([2, 2]);
    const copy = src.copy('copy');
    const equal = values(copy.W).every((v) => v === 7);
    const grad = copy.W.grad?.dataSync().every((v) => v === 1) ? 'same' : 'differs';
    src.W.assign(tf.zeros([2, 2]));
    return { shares_array: values(copy.W)[0] === 0, equal, name: copy.name, grad };
  },
  'load_npz initialises an uninitialised parameter': async () => {
    const dst = new Linear(null, 2);
    await loadNpz(await serialize(filled(3, 2, 7)), dst);
    return initialized(dst);
  },
  'load_npz of an uninitialised save into an initialised link': async () => {
    const dst = filled(2, 2, 7);
    await loadNpz(await serialize(new Linear(null, 2)), dst);
    expect(values(dst.W)).to.deep.equal([7, 7, 7, 7]);
    return initialized(dst);
  },
  'load_npz strict=False, missing key': async () => {
    const dst = filled(2, 2, 0);
    await loadNpz(await serialize(new Linear(2, 2, { nobias: true })), dst, { match: 'common' });
    return initialized(dst);
  },
  "load_npz ignore_names=['W']": async () => {
    const dst = filled(2, 2, 0);
    await loadNpz(await serialize(filled(2, 2, 7)), dst, { ignore: ['/W'] });
    expect(values(dst.W)[0]).to.equal(0);
    expect(values(dst.b!)[0]).to.equal(7);
    return initialized(dst);
  },
};

/** Where Chainer raises, this raises; the class is ours and typed. */
const raises: Record<string, [() => unknown, new (...args: never[]) => Error]> = {
  'BatchNormalization() without size or axis': [() => new BatchNormalization(null), InvalidArgumentError],
  'uninitialised param.shape': [() => new Linear(null, 2).W.shape, UninitializedParameterError],
  'uninitialised param.array[:]': [() => new Linear(null, 2).W.tensor, UninitializedParameterError],
  'uninitialised param.size': [() => new Linear(null, 2).W.size, UninitializedParameterError],
  'copyparams: shape mismatch': [() => filled(3, 5, 0).copyparams(filled(3, 4, 7)), MismatchError],
  'copyparams: destination has a child that source lacks': [
    () => new Pair(filled(2, 2, 0), new Linear(1, 1)).copyparams(new Pair(filled(2, 2, 7))),
    MismatchError,
  ],
  'copyparams: ChainList, source shorter': [
    () => new ChainList(filled(1, 1, 0), filled(1, 1, 0)).copyparams(new ChainList(filled(1, 1, 7))),
    MismatchError,
  ],
  'fine-tune loop: destination name missing in source': [
    () =>
      transferParams(new Pair(filled(2, 2, 7)), new Pair(filled(2, 2, 0), new Linear(1, 1)), {
        match: 'exact',
      }),
    MismatchError,
  ],
  'fine-tune loop: source uninitialised': [
    () => transferParams(new Linear(null, 2), filled(2, 2, 0)),
    UninitializedParameterError,
  ],
  'fine-tune loop: shape mismatch, not skipped': [
    () => transferParams(filled(3, 4, 7), filled(3, 5, 0), { onMismatch: 'throw' }),
    MismatchError,
  ],
  'registering a second link under the same name in init_scope': [
    () => {
      const chain = new Chain();
      chain.addLink('l', new Linear(1, 1));
      chain.addLink('l', new Linear(1, 1));
    },
    DuplicateNameError,
  ],
  'add_link with an existing attribute name': [
    () => new Sorted().addLink('zeta', new Linear(1, 1)),
    DuplicateNameError,
  ],
  'add_param with an existing attribute name': [() => new Sorted().addParam('zeta', [1]), DuplicateNameError],
  'ChainList: a link assigned inside init_scope': [
    () => {
      class Wrong extends ChainList {
        readonly l = new Linear(1, 1);
      }
      names(new Wrong());
    },
    InvalidArgumentError,
  ],
  'load_npz strict, missing key': [
    async () => loadNpz(await serialize(new Linear(2, 2, { nobias: true })), filled(2, 2, 0)),
    MismatchError,
  ],
  'load_npz shape mismatch': [
    async () => loadNpz(await serialize(filled(3, 2, 7)), filled(2, 2, 0)),
    MismatchError,
  ],
  'load_npz shape mismatch, strict=False': [
    async () => loadNpz(await serialize(filled(3, 2, 7)), filled(2, 2, 0), { match: 'common' }),
    MismatchError,
  ],
};

/** Deviations: why, and what happens instead. */
const deviations: Record<string, [why: string, check: () => unknown]> = {
  'uninitialised param.dtype (numpy.dtype(None), although it becomes float32 on initialisation)': [
    'tensors of parameters are float32, before and after',
    () => expect(new Linear(null, 2).W.dtype).to.equal('float32'),
  ],
  'count_params with uninitialised': [
    'the warning is console.warn, in shorter words; the count is equal',
    () => {
      const warnings: string[] = [];
      const { warn } = console;
      console.warn = (text: string) => warnings.push(text);
      try {
        expect(new Sorted().countParams()).to.equal(25);
      } finally {
        console.warn = warn;
      }
      expect(warnings.map((w) => /'([^']+)'/.exec(w)?.[1])).to.deep.equal(['/alpha/W', '/zeta/W']);
    },
  ],
  'gradient of a freshly initialised parameter is NaN filled': [
    'null means no gradient; there is no NaN filler',
    () => expect(new Linear(2, 2).W.grad).to.equal(null),
  ],
  'lazily initialised W.grad after first forward (no cleargrads before): NaN filled': [
    'null means no gradient; there is no NaN filler',
    () => {
      const link = new Linear(null, 2);
      link.call(tf.ones([1, 3]));
      expect(link.W.grad).to.equal(null);
    },
  ],
  'lazily initialised W.grad after cleargrads then first forward: None': [
    'equal, by the same rule',
    () => {
      const link = new Linear(null, 2);
      link.cleargrads();
      link.call(tf.ones([1, 3]));
      expect(link.W.grad).to.equal(null);
    },
  ],
  'copyparams: uninitialised source into initialised destination: source gets initialised with the destination shape, then copied':
    [
      'a source is never changed',
      () => {
        const src = new Linear(null, 4);
        expect(() => filled(2, 4, 0).copyparams(src)).to.throw(UninitializedParameterError, '/W');
        expect(src.W.isInitialized).to.equal(false);
      },
    ],
  'copyparams: same, with visible initial values': [
    'a source is never changed, and nothing is half-copied',
    () => {
      const dst = filled(3, 2, 1);
      expect(() => dst.copyparams(filled(null, 2, 7))).to.throw(UninitializedParameterError);
      expect(values(dst.b!)).to.deep.equal([1, 1]);
    },
  ],
  'copyparams: broadcastable shape mismatch ((1,3) into (5,3))': [
    'nothing is broadcast',
    () => expect(() => filled(3, 5, 0).copyparams(filled(3, 1, 7))).to.throw(MismatchError, '(5, 3)'),
  ],
  'fine-tune loop: destination name missing in source': [
    "reported; with match: 'exact' also a typed error, which changes nothing",
    () => {
      const src = new Pair(filled(2, 2, 7));
      const dst = new Pair(filled(2, 2, 0), new Linear(1, 1));
      expect(() => transferParams(src, dst, { match: 'exact' })).to.throw(MismatchError, '/extra/W');
      expect(values(dst.B1.W)).to.deep.equal([0, 0, 0, 0]);
      const report = transferParams(src, dst);
      expect(report.missingInSrc).to.deep.equal(['/extra/W', '/extra/b']);
      expect(values(dst.B1.W)).to.deep.equal([7, 7, 7, 7]);
    },
  ],
  'fine-tune loop: destination uninitialised': [
    'an uninitialized destination takes the shape of the source, and the report says so',
    () => {
      const dst = new Linear(null, 2);
      expect(transferParams(filled(2, 2, 7), dst).initialized).to.deep.equal(['/W']);
      expect(values(dst.W)).to.deep.equal([7, 7, 7, 7]);
    },
  ],
  'fine-tune loop: 0-dimensional parameter': [
    'a scalar is copied like any other',
    () => {
      const [src, dst] = [new Link(), new Link()];
      src.addParam('s', [], 3);
      dst.addParam('s', [], 0);
      transferParams(src, dst);
      expect(values([...dst.params()][0]!)).to.deep.equal([3]);
    },
  ],
  'a link assigned outside init_scope is not a child': [
    'there is no init_scope: every field that holds a link is a child',
    () => {
      class Late extends Chain {
        l?: Linear;
      }
      const chain = new Late();
      chain.l = new Linear(1, 1);
      expect(names(chain)).to.deep.equal(['/l/W', '/l/b']);
    },
  ],
  'init_scope before Link.__init__': [
    'there is no init_scope; JavaScript itself refuses fields before super()',
    () => {
      // TypeScript refuses such a class, so it is written for JavaScript.
      const source = 'return new (class extends Chain { constructor() { this.l = 1; super(); } })()';
      expect(() => new Function('Chain', source)(Chain)).to.throw(ReferenceError);
    },
  ],
  "Link.copy('init')": [
    'values are drawn anew; the gradient is null instead of a NaN filler',
    () => {
      const src = new Linear(20, 20);
      const copy = src.copy('init');
      expect(values(copy.W)).not.to.deep.equal(values(src.W));
      expect(copy.name).to.equal(null);
      expect(copy.W.grad).to.equal(null);
    },
  ],
  'persistent values in the serialised dictionary': [
    'numbers are written by their kind: an integer as int64; tensors are float32, where NumPy had float64',
    () => {
      const link = new Link();
      link.addPersistent('arr', tf.zeros([3]));
      link.addPersistent('counter', 5);
      const entries = [...link.serialEntries()].map((e) => [e.key, e.kind, e.shape]);
      expect(entries).to.deep.equal([
        ['arr', 'persistent', [3]],
        ['counter', 'persistent', []],
      ]);
    },
  ],
  'serialised dictionary of an uninitialised Linear': [
    'no pickle is written: the names without a value are listed beside the arrays',
    async () => {
      const dst = new Linear(null, 2);
      const report = await loadNpz(await serialize(new Linear(null, 2)), dst);
      expect(report).to.deep.include({ copied: ['/b'], kept: ['/W'] });
      expect(dst.W.isInitialized).to.equal(false);
    },
  ],
  'load_npz, extra keys in the file are ignored': [
    'strict works in both directions; without it the extra key is reported',
    async () => {
      const dst = new Linear(2, 2, { nobias: true, initialW: new Constant(0) });
      const report = await loadNpz(await serialize(filled(2, 2, 7)), dst, { match: 'common' });
      expect(report.unusedInSrc).to.deep.equal(['/b']);
      expect(values(dst.W)[0]).to.equal(7);
    },
  ],
};

describe('link semantics of the real Chainer', () => {
  const observations = readJson<Observation[]>('goldens/link_semantics.json');
  before(() => tf.setBackend('cpu'));

  it('covers every observation', () => {
    const known = new Set([...Object.keys(same), ...Object.keys(raises), ...Object.keys(deviations)]);
    expect(observations.map((o) => o.case).filter((name) => !known.has(name))).to.deep.equal([]);
    const real = new Set(observations.map((o) => o.case));
    expect([...known].filter((name) => !real.has(name))).to.deep.equal([]);
  });

  for (const observation of observations) {
    const name = observation.case;
    if (name in same) {
      it(name, async () => {
        expect(await same[name]!()).to.deep.equal(observation.returns);
      });
    }
    if (name in raises) {
      it(`${name} (raises ${observation.raises})`, async () => {
        const [run, type] = raises[name]!;
        expect(observation.raises).to.be.a('string');
        let error: unknown = null;
        try {
          await run();
        } catch (caught) {
          error = caught;
        }
        expect(error).to.be.instanceOf(type);
      });
    }
    if (name in deviations) {
      const [why, check] = deviations[name]!;
      it(`${name} (here: ${why})`, async () => {
        await check();
      });
    }
  }

  it('refuses to copy nothing', () => {
    const other = new Link();
    other.addParam('other', [1], 0);
    const act = () => transferParams(filled(2, 2, 7), other);
    expect(act).to.throw(NothingToDoError, 'rename').with.nested.property('report.copied').that.is.empty;
  });
});
