/** Options are checked in every function of the package, as JavaScript passes them. */
import '@tensorflow/tfjs-backend-cpu';
import { Linear } from '@chaingrad/core';
import * as weights from '@chaingrad/weights';
import { MemoryWeights } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { describeMistakes, describeOptions, type OptionTable } from '../support/option-tables.ts';

class Toy extends Linear {
  static readonly modelName = 'Toy';
  static readonly pretrained = {};
  static readonly inputShape = [1, 1, 1, 1] as const;
  constructor() {
    super(1, 1);
  }
}

/** Nothing is ever asked of it: the options are looked at first. */
const url = 'https://example.invalid/x.npz';
const bytes = new Uint8Array(0);
const file = new MemoryWeights('x', 'npz', new Map());
let link: Linear;
const target = { length: 0, validator: null, begin() {}, write() {} };

const takers: OptionTable = {
  cachedFile: (o) => weights.cachedFile(url, o),
  convertWeights: (o) => weights.convertWeights(file, 'x.npz', o),
  damageOf: (o) => weights.damageOf(null as never, null as never, o),
  download: (o) => weights.download(url, target, o),
  fromPretrained: [
    'Toy.fromPretrained',
    (o) => weights.fromPretrained<object, Toy>(Toy, file, { args: {} }, o),
  ],
  load: (o) => weights.load(link, file, o),
  loadNpz: (o) => weights.loadNpz(bytes, link, o),
  openHttpRanges: (o) => weights.openHttpRanges(url, o),
  openRandomAccess: (o) => weights.openRandomAccess(bytes, o),
  openTfjsModel: (o) => weights.openTfjsModel(bytes, o),
  openTfliteGraph: (o) => weights.openTfliteGraph(bytes, o),
  openWeights: (o) => weights.openWeights(bytes, o),
  readBytes: (o) => weights.readBytes(bytes, o),
  save: (o) => weights.save('/nowhere/x.npz', link, o),
  saveNpz: (o) => weights.saveNpz('/nowhere/x.npz', link, o),
  serialize: (o) => weights.serialize(link, o),
};

describe('options of weights', () => {
  before(async () => {
    await tf.setBackend('cpu');
    link = new Linear(1, 1);
  });

  describeOptions('weights', takers);

  const load = (options: object) => weights.load(link, file, options);
  describeMistakes([
    [() => load({ strict: false }), "got 'strict'. Did you mean match: 'exact' | 'common'?"],
    [() => load({ onMissing: 'skip' }), "Did you mean match: 'common'?"],
    [() => load({ ignoreNames: 'b' }), "Did you mean 'ignore'?"],
    [() => load({ sequentialOrder: 'chainer' }), "Did you mean names: 'chainer-sequential'?"],
    [() => load({ path: 'model' }), "Did you mean 'at'?"],
    [() => load({ matches: 'exact' }), "Did you mean 'match'?"],
    [() => load({ match: 'loose' }), "load match: expected 'exact' | 'common', got 'loose'"],
    [() => load({ sha: 'ab' }), "Did you mean 'sha256'?"],
    [() => load({ timeout: 1 }), "Did you mean 'stallTimeout'?"],
    [() => weights.loadNpz(bytes, link, { format: 'npz' } as object), 'loadNpz: expected an option of'],
    [() => weights.openWeights(bytes, { format: 'npy' as 'npz' }), "openWeights format: expected 'npz' |"],
    [
      () => weights.openWeights(url, { fetch: 'partial' as 'ranges' }),
      "openWeights fetch: expected 'whole' | 'ranges'",
    ],
    [() => weights.serialize(link, { dtype: 'float16' } as object), "Did you mean 'parameterDtype'?"],
    [() => weights.save('x.npz', link, { compressed: true } as object), "Did you mean 'compression'?"],
    [
      () => weights.convertWeights(file, 'x.npz', { parameterDtype: 'f16' } as object),
      "Did you mean 'dtype'?",
    ],
    [() => weights.cachedFile(url, { progress() {} } as object), "Did you mean 'onProgress'?"],
  ]);
});
