/** Every file that is opened is closed again, whatever happens in between. */
import '@tensorflow/tfjs-backend-cpu';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Linear } from '@chaingrad/core';
import { convertWeights, fromPretrained, load, loadNpz, openWeights } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { writeNpz } from '../../packages/weights/src/formats/npz.ts';
import { chainercvFile } from '../../packages/weights/src/sources/chainercv.ts';
import { rejection } from '../support/errors.ts';
import { floats } from './support.ts';
import { WeightsServer } from './weights-server.ts';

const arrays = [
  ['W', floats([20, 30])],
  ['b', floats([20])],
] as const;

class Toy extends Linear {
  static readonly modelName = 'Toy';
  static readonly pretrained = {};
  static readonly inputShape = [1, 1, 1, 30] as const;
  constructor() {
    super(30, 20);
  }
}

describe('opened files', () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  before(async function () {
    if (!existsSync('/proc/self/fd')) this.skip();
    await tf.setBackend('cpu');
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-closing-'));
    const npz = writeNpz(arrays);
    await writeFile(at('good.npz'), npz);
    await writeFile(at('page.npz'), '<html>please log in</html>');
    const damaged = npz.slice();
    damaged[200]! ^= 0xff;
    await writeFile(at('damaged.npz'), damaged);
    await using file = await openWeights(npz);
    for (const [name, options] of [
      ['s.safetensors', { shards: 2400 }],
      ['t.json', { shards: 2400 }],
    ] as const) {
      for (const { name: part, bytes } of (await convertWeights(file, name, options)).files) {
        await writeFile(at(part), bytes);
      }
    }
  });
  afterEach(async () => {
    const open = readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        // Closed since the list was made.
        return [];
      }
    });
    await rm(folder, { recursive: true });
    expect(open.filter((path) => path.startsWith(folder))).to.deep.equal([]);
  });

  const net = () => new Linear(30, 20);
  const refused = (promise: Promise<unknown>) => rejection(promise, Error);

  it('after a load', async () => {
    for (const name of ['good.npz', 's.safetensors.index.json', 't.json']) await load(net(), at(name));
    await loadNpz(at('good.npz'), net());
    await fromPretrained<object, Toy>(Toy, at('good.npz'), { args: {} });
  });

  it('after a load that fails: another model, damage, a page, an abort', async () => {
    for (const source of ['good.npz', 's.safetensors.index.json', 't.json'].map(at)) {
      await refused(load(new Linear(3, 2), source));
      const signal = AbortSignal.abort(new Error('enough'));
      await refused(load(net(), source, { signal }));
    }
    for (const source of ['damaged.npz', 'page.npz'].map(at)) {
      await refused(load(net(), source));
      await refused(loadNpz(source, net()));
      await refused(fromPretrained<object, Toy>(Toy, source, { args: {} }));
    }
  });

  it('after a format that it is not, and a folder', async () => {
    for (const format of ['safetensors', 'pytorch', 'hdf5', 'tfjs', 'tflite'] as const) {
      await refused(openWeights(at('good.npz'), { format }));
    }
    await refused(openWeights(folder));
  });

  it('after a shard that is missing, damaged, or lacks what the index promises', async () => {
    const shard = 's-00002-of-00002.safetensors';
    await writeFile(at(shard), '<html>please log in</html>');
    await refused(openWeights(at('s.safetensors.index.json')));
    await writeFile(at(shard), new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]));
    expect(await refused(openWeights(at('s.safetensors.index.json')))).to.match(/promises/);
    await rm(at(shard));
    await refused(openWeights(at('s.safetensors.index.json')));
    await writeFile(at('t-00002-of-00002.bin'), new Uint8Array(3));
    await refused(openWeights(at('t.json')));
    await rm(at('t-00002-of-00002.bin'));
    await refused(openWeights(at('t.json')));
  });

  it("after a page in place of one of ChainerCV's files", async () => {
    const server = await WeightsServer.start();
    try {
      server.serve('x.npz', { body: new TextEncoder().encode('<html>please log in</html>') });
      await refused(chainercvFile({ file: 'x.npz' }, { baseUrl: server.url, cacheDir: folder }));
    } finally {
      await server.stop();
    }
  });
});
