import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Chain,
  FormatError,
  InvalidArgumentError,
  Linear,
  MismatchError,
  type NamedArray,
} from '@chaingrad/core';
import {
  type About,
  aboutMetadata,
  type FromPretrainedSpec,
  fromPretrained,
  type LoadOptions,
  MemoryWeights,
  OtherModelError,
  openWeights,
  PretrainedArgumentError,
  type PretrainedTable,
  SourceError,
  serialize,
  UnknownPretrainedError,
  type WeightFile,
  type WeightSource,
} from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { writeNpz } from '../../packages/weights/src/formats/npz.ts';
import { rejection } from '../support/errors.ts';
import { floats } from './support.ts';
import { WeightsServer } from './weights-server.ts';

interface ToyParam {
  readonly nClass: number;
}

/** What the tests' classes have in common: (1, 1, 1, 3) values in, `nClass` out. */
class Net extends Chain {
  readonly body = new Linear(null, 4);
  readonly head: Linear;
  labelNames: readonly string[] | null = null;
  constructor(readonly args: ToyParam) {
    super();
    this.head = new Linear(4, args.nClass);
  }

  override forward(x: tf.Tensor4D): tf.Tensor2D {
    return this.head.call(this.body.call(x));
  }
}

/** A class with an option that its weights do not decide on. */
class SizedNet extends Net {
  static readonly modelName = 'SizedNet';
  static readonly pretrained: PretrainedTable<ToyParam> = {};
  static readonly inputShape = [1, 1, 1, 3] as const;
  readonly size: number;
  constructor(args: ToyParam & { size?: number }) {
    super(args);
    this.size = args.size ?? 600;
  }
}

const arrays = (nClass: number): [string, NamedArray][] => [
  ['body/W', floats([4, 3])],
  ['body/b', floats([4], () => 5)],
  ['head/W', floats([nClass, 4], (i) => -i)],
  ['head/b', floats([nClass], () => 7)],
];
const theirs = {
  title: 'Theirs',
  names: Object.fromEntries(arrays(2).map(([key]) => [key, { from: `net.${key}` }])),
};
const inputShape = [1, 1, 1, 3] as const;
const bias = (model: Net) => [...model.head.b!.tensor.dataSync()];

describe('fromPretrained', () => {
  let folder: string;
  let table: PretrainedTable<ToyParam>;
  let path: string;
  let tensors: number;

  before(async () => {
    await tf.setBackend('cpu');
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-from-'));
    path = join(folder, 'mine.npz');
    await writeFile(path, writeNpz(arrays(2)));
    await writeFile(join(folder, 'part.npz'), writeNpz(arrays(2).slice(0, 2)));
    await writeFile(
      join(folder, 'theirs.npz'),
      writeNpz(arrays(2).map(([key, array]) => [`net.${key}`, array])),
    );
    table = {
      mine: { source: path, nClass: 2, labelNames: ['cat', 'dog'] },
      part: { source: join(folder, 'part.npz'), match: 'common' },
      gone: { source: join(folder, 'gone.npz'), nClass: 2 },
    };
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    for (const model of made.splice(0)) model.dispose();
    expect(tf.memory().numTensors, 'tensors left').to.equal(tensors);
  });

  const made: Chain[] = [];
  async function get(
    source?: WeightSource | WeightFile,
    nClass: number | null = null,
    {
      options,
      own = table,
      ...spec
    }: Partial<FromPretrainedSpec<ToyParam>> & {
      options?: LoadOptions;
      own?: PretrainedTable<ToyParam>;
    } = {},
  ) {
    class Toy extends Net {
      static readonly modelName = 'Toy';
      static readonly pretrained = own;
      static readonly inputShape = inputShape;
    }
    const model = await fromPretrained(
      Toy,
      source,
      { args: { nClass: 'any' }, ...spec },
      { nClass, ...options },
    );
    made.push(model);
    return model;
  }

  it("takes the class's first without any argument, with the arguments and class names that it implies", async () => {
    const model = await get();
    expect(model.args).to.deep.equal({ nClass: 2 });
    expect(bias(model)).to.deep.equal([7, 7]);
    expect([...model.body.W.tensor.dataSync()]).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(model.labelNames).to.deep.equal(['cat', 'dog']);
  });

  it('hands on what the weights do not decide on, and checks its kind', async () => {
    const file = new MemoryWeights('a file', 'npz', new Map(arrays(2)));
    const spec = {
      args: { nClass: 'number' },
      defaults: { nClass: 2 },
      optional: { size: 'number' },
    } as const;
    const open = (options: object) => fromPretrained<ToyParam, SizedNet>(SizedNet, file, spec, options);
    for (const [options, size] of [
      [{ size: 300 }, 300],
      [{}, 600],
    ] as const) {
      using model = await open(options);
      expect(model.size).to.equal(size);
    }
    expect((await rejection(open({ size: '300' }), InvalidArgumentError)).message).to.include('size');
  });

  it('says that a source is missing where the class has no table', async () => {
    const error = await rejection(get(undefined, 2, { own: {} }), InvalidArgumentError);
    expect(error.message).to.match(/Toy\.fromPretrained.*a source/);
  });

  it('takes a name of the table; of weights for a part, the rest is drawn', async () => {
    expect(bias(await get('mine'))).to.deep.equal([7, 7]);
    const model = await get('part', 3);
    expect([...model.body.b!.tensor.dataSync()]).to.deep.equal([5, 5, 5, 5]);
    expect(model.head.W.shape).to.deep.equal([3, 4]);
    expect([...model.head.W.tensor.dataSync()].some((value) => value !== 0)).to.equal(true);
  });

  it('takes any source: a path, a File, bytes, an opened file, which stays open', async () => {
    const bytes = writeNpz(arrays(5));
    for (const source of [new File([bytes], 'x.npz'), bytes, new Blob([bytes]).stream()]) {
      expect(bias(await get(source, 5))).to.have.length(5);
    }
    expect(bias(await get(path, 2))).to.deep.equal([7, 7]);
    await using file = await openWeights(path);
    await get(file, 2);
    await get(file, 2);
  });

  it('checks the arguments before anything is read or downloaded', async () => {
    const error = await rejection(get('gone', 7), PretrainedArgumentError);
    expect(error).to.include({ argument: 'nClass', expected: 2, got: 7 });
    await rejection(get('gone'), SourceError);
    expect(await rejection(get(path), PretrainedArgumentError)).to.match(/nClass must be specified/);
    const server = await WeightsServer.start();
    try {
      const own = { web: { source: `${server.url}w.npz`, nClass: 2 } };
      await rejection(get('web', 7, { own }), PretrainedArgumentError);
      expect(server.requests).to.deep.equal([]);
      server.serve('w.npz', { body: writeNpz(arrays(2)) });
      expect(bias(await get(undefined, null, { own, options: { cache: false } }))).to.have.length(2);
      expect(server.requests).to.have.length(1);
    } finally {
      await server.stop();
    }
  });

  it('takes defaults where neither the user nor the weights say anything', async () => {
    expect(bias(await get(path, null, { defaults: { nClass: 2 } }))).to.deep.equal([7, 7]);
  });

  it('tells the names that it knows when one is misspelt', async () => {
    for (const name of ['min', 'toString', 'MINE', '__proto__']) {
      const error = await rejection(get(name, 3), UnknownPretrainedError);
      expect(error.pretrained).to.equal(name);
      expect(error.message).to.include('mine, part, gone');
    }
    // What looks like a path is one.
    for (const name of ['./min', 'min.npz', 'folder/min']) await rejection(get(name, 3), SourceError);
  });

  it('believes what a file of ours tells of its model, unless the user says otherwise', async () => {
    const model = new Net({ nClass: 3 });
    model.initialize([...inputShape]);
    const about: About = { model: 'Toy', nFgClass: 3, labelNames: ['a', 'b', 'c'], scoreFunction: 'softmax' };
    const bytes = await serialize(model, { format: 'safetensors', metadata: aboutMetadata(about) });
    const foreign = await serialize(model, { metadata: aboutMetadata({ ...about, model: 'Other' }) });
    model.dispose();
    const told = async (_: WeightFile, found: About | null) =>
      found === null ? {} : { nClass: found.nFgClass };
    const loaded = await get(bytes, null, { told });
    expect(loaded.args).to.deep.equal({ nClass: 3 });
    // What the class has no argument for is passed over.
    const more = async () => ({ nClass: 3, scoreFunction: 'softmax' });
    expect((await get(bytes, null, { told: more })).args).to.deep.equal({ nClass: 3 });
    expect(loaded.labelNames).to.deep.equal(['a', 'b', 'c']);
    expect(await rejection(get(foreign, null, { told }), OtherModelError)).to.include({
      model: 'Other',
      expected: 'Toy',
    });
    await rejection(get(bytes, 4, { told }), MismatchError);
  });

  it("knows a file of one's own by the names of the table's, and reads it by the same map", async () => {
    const own: PretrainedTable<ToyParam> = {
      other: { source: join(folder, 'gone.npz'), names: theirs, nClass: 2, labelNames: ['x', 'y'] },
    };
    const model = await get(join(folder, 'theirs.npz'), null, { own });
    expect(bias(model)).to.deep.equal([7, 7]);
    expect(model.labelNames).to.deep.equal(['x', 'y']);
    // A file that has our names is read as it is.
    expect(bias(await get(path, 2, { own }))).to.deep.equal([7, 7]);
  });

  it('warns where a file that is not of the table fits in part only', async () => {
    const warnings: string[] = [];
    const { warn } = console;
    console.warn = (text: string) => warnings.push(text);
    try {
      const bytes = writeNpz([...arrays(2).slice(0, 3), ['more', floats([1])]]);
      await rejection(get(bytes, 2), MismatchError);
      expect(warnings).to.deep.equal([]);
      await get(new File([bytes], 'own.npz'), 2, { match: 'common' });
      await get('part', 3);
    } finally {
      console.warn = warn;
    }
    expect(warnings).to.have.length(1);
    expect(warnings[0])
      .to.match(/own\.npz/)
      .and.to.include('/head/b')
      .and.to.include('/more');
  });

  it('leaves nothing behind when the file does not fit, is damaged, or the reading is stopped', async () => {
    const bytes = writeNpz(arrays(2), { compression: false });
    await rejection(get(bytes, 3), MismatchError);
    const damaged = bytes.slice();
    damaged[new TextDecoder('latin1').decode(damaged).lastIndexOf('NUMPY') + 130]! ^= 1;
    await rejection(get(damaged, 2), FormatError);
    const signal = AbortSignal.abort(new Error('enough'));
    expect(await rejection(get(bytes, 2, { options: { signal } }))).to.have.property('message', 'enough');
  });

  it('leaves open what it was given, also when it fails', async () => {
    let closed = 0;
    class Counted extends MemoryWeights {
      override async close() {
        closed++;
      }
    }
    await rejection(get(new Counted('memory', 'npz', new Map(arrays(2))), 3), MismatchError);
    await get(new Counted('memory', 'npz', new Map(arrays(2))), 2);
    expect(closed).to.equal(0);
  });
});
