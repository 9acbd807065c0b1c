/**
 * Every write at which a disk may fail, fill up, tear a file, or the process stop: the old state is left or the new one, never a
 * mixture, and the next run works.
 */
import '@tensorflow/tfjs-backend-cpu';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { Chain, ChaingradError, Linear, readArray } from '@chaingrad/core';
import { saveOnnx } from '@chaingrad/onnx';
import { FileStore, snapshot } from '@chaingrad/training';
import { cachedFile, openWeights, save } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import sharp from 'sharp';
import { convert } from '../../packages/cli/src/commands/convert/run.ts';
import { CliError } from '../../packages/cli/src/errors.ts';
import { writeImage } from '../../packages/cli/src/images.ts';
import { everyFault, Stopped, ways } from '../support/failing-disk.ts';
import { buildTraining } from '../training/support.ts';
import { WeightsServer } from '../weights/weights-server.ts';

/** What is there, without what is left of files that were not finished. */
const namesIn = async (folder: string) =>
  (await fs.readdir(folder)).filter((name) => !name.endsWith('.part')).sort();

class Net extends Chain {
  readonly a: Linear;
  readonly b: Linear;

  constructor(value: number) {
    super();
    this.a = new Linear(2, 3, { initialW: value, initialBias: value });
    this.b = new Linear(3, 2, { initialW: value, initialBias: value });
  }

  override forward(x: tf.Tensor2D): tf.Tensor2D {
    return this.b.call(this.a.call(x));
  }
}

/** The one value that all arrays of a file have. */
async function valueIn(file: string): Promise<number> {
  await using opened = await openWeights(file);
  const values = new Set<number>();
  for (const key of opened.keys())
    for (const value of (await readArray(opened, key)).data as Float32Array) values.add(value);
  expect(values.size, `values in ${file}`).to.equal(1);
  return [...values][0]!;
}

const isTold = (error: unknown) =>
  error === undefined ||
  error instanceof Stopped ||
  error instanceof ChaingradError ||
  error instanceof CliError;

describe('attacks: faults at every write', () => {
  before(() => tf.setBackend('cpu'));

  for (const way of ways) {
    for (const ending of ['npz', 'safetensors', 'onnx']) {
      it(`save of ${ending}, which ${way}`, async () => {
        const write = async (folder: string, value: number) => {
          using net = new Net(value);
          await save(join(folder, `w.${ending}`), net);
        };
        const digest = async (folder: string) =>
          createHash('sha256')
            .update(await fs.readFile(join(folder, `w.${ending}`)))
            .digest('hex');
        const states: string[] = [];
        const put = (value: number) =>
          ending === 'onnx' ? writeOnnx(value, false) : (folder: string) => write(folder, value);
        const count = await everyFault(way, {
          before: async (folder) => {
            await put(2)(folder);
            states[1] ??= await digest(folder);
            await put(1)(folder);
            states[0] ??= await digest(folder);
          },
          work: put(2),
          async look(folder, { error, n }) {
            expect(isTold(error), (error as Error | undefined)?.stack).to.equal(true);
            expect(await namesIn(folder), `${n}`).to.deep.equal([`w.${ending}`]);
            expect(states).to.include(await digest(folder));
            if (error === undefined) expect(await digest(folder)).to.equal(states[1]);
          },
          again: async (folder) => expect(await digest(folder)).to.equal(states[1]),
        });
        expect(count).to.be.at.least(2);
      });
    }

    const writeOnnx = (value: number, externalData: boolean) => async (folder: string) => {
      using net = new Net(value);
      await saveOnnx(join(folder, 'w.onnx'), net, [[1, 2]], { externalData });
    };

    it(`convert onto shards that are there, which ${way}`, async () => {
      const out = (folder: string) => join(folder, 'out', 'w.safetensors');
      const index = (folder: string) => `${out(folder)}.index.json`;
      const quietly = async (folder: string, from: number) => {
        const { write } = process.stdout;
        process.stdout.write = (() => true) as typeof write;
        try {
          await convert(join(folder, `${from}.npz`), out(folder), { shards: 30 });
        } finally {
          process.stdout.write = write;
        }
      };
      await everyFault(way, {
        before: async (folder) => {
          for (const value of [1, 2]) {
            using net = new Net(value);
            await save(join(folder, `${value}.npz`), net);
          }
          await quietly(folder, 1);
        },
        work: (folder) => quietly(folder, 2),
        async look(folder, { error }) {
          expect(isTold(error), (error as Error | undefined)?.stack).to.equal(true);
          const names = await namesIn(join(folder, 'out'));
          // A process that stops between the renames leaves a set without the file to open.
          if (way === 'stops' && !names.includes('w.safetensors.index.json')) return;
          const value = await valueIn(index(folder));
          expect([1, 2]).to.include(value);
          if (error === undefined) expect(value).to.equal(2);
        },
        again: async (folder) => expect(await valueIn(index(folder))).to.equal(2),
      });
    });

    it(`an ONNX file with its data beside it, which ${way}`, async () => {
      const states = new Set<string>();
      const state = async (folder: string) => {
        const read = async (name: string) => (await fs.readFile(join(folder, name))).toString('hex');
        return `${await read('w.onnx')} ${await read('w.onnx.data')}`;
      };
      await everyFault(way, {
        before: async (folder) => {
          await writeOnnx(2, true)(folder);
          states.add(await state(folder));
          await writeOnnx(1, true)(folder);
          states.add(await state(folder));
          expect(states.size).to.equal(2);
        },
        work: writeOnnx(2, true),
        async look(folder, { error }) {
          expect(isTold(error), (error as Error | undefined)?.stack).to.equal(true);
          if (way === 'stops' && !(await namesIn(folder)).includes('w.onnx')) return;
          expect(states.has(await state(folder))).to.equal(true);
        },
        again: async (folder) => expect(await state(folder)).to.equal([...states][0]),
      });
    });

    it(`a picture over another, which ${way}`, async () => {
      const picture = (value: number) => (folder: string) =>
        writeImage(
          join(folder, 'p.png'),
          { data: new Uint8Array(300).fill(value), shape: [10, 10, 3] },
          'png',
        );
      await everyFault(way, {
        before: picture(1),
        work: picture(2),
        async look(folder, { error }) {
          expect(isTold(error), (error as Error | undefined)?.stack).to.equal(true);
          const { channels } = await sharp(await fs.readFile(join(folder, 'p.png'))).stats();
          expect([1, 2]).to.include(channels[0]!.mean);
        },
      });
    });

    it(`a snapshot in place of the one before, which ${way}`, async () => {
      const train = async (folder: string, iterations: number, autoload: boolean) => {
        using training = buildTraining({ stop: [iterations, 'iteration'], store: new FileStore(folder) });
        const { trainer } = training;
        trainer.extend(snapshot({ nRetains: 1, autoload, log: () => {} }), { trigger: [1, 'iteration'] });
        await trainer.run();
        return [...training.model.params()].flatMap(({ tensor }) => [...tensor.dataSync()]);
      };
      let whole: number[] | undefined;
      await everyFault(way, {
        before: async (folder) => {
          whole ??= await train(folder, 2, false);
          for (const name of await fs.readdir(folder)) await fs.rm(join(folder, name));
          await train(folder, 1, false);
        },
        work: (folder) => train(folder, 2, true),
        async look(folder, { error }) {
          expect(isTold(error), (error as Error | undefined)?.stack).to.equal(true);
          const names = await namesIn(folder);
          expect(names.length).to.be.within(1, 2);
          for (const name of names) {
            expect(name).to.match(/^snapshot_iter_[12]$/);
            await using file = await openWeights(join(folder, name));
            for (const key of file.keys()) await readArray(file, key);
          }
        },
        again: async (folder) => expect(await train(folder, 2, true)).to.deep.equal(whole),
      });
    });

    it(`a download into the cache, which ${way}`, async () => {
      const server = await WeightsServer.start();
      const body = Uint8Array.from({ length: 200_000 }, (_, i) => i * 7);
      const url = server.serve('w', { body });
      const get = (folder: string) => cachedFile(url, { cacheDir: folder, retries: 0, onNotice: () => {} });
      const isWhole = async (file: unknown) => {
        const bytes = typeof file === 'string' ? await fs.readFile(file) : Buffer.from(file as Uint8Array);
        expect(bytes.equals(body)).to.equal(true);
      };
      let got: unknown;
      try {
        await everyFault(way, {
          before: async () => {},
          work: async (folder) => {
            got = undefined;
            got = await get(folder);
          },
          async look(folder, { error }) {
            expect(isTold(error), (error as Error | undefined)?.stack).to.equal(true);
            if (error === undefined) await isWhole(got);
            // As if the lock and the half download of a process that has stopped were old.
            const partial = join(folder, 'partial');
            for (const name of await fs.readdir(partial).catch(() => []))
              await fs.utimes(join(partial, name), 0, 0);
          },
          async again(folder) {
            await isWhole(got);
            expect(typeof got).to.equal('string');
            server.reset();
            server.serve('w', { body });
            await isWhole(await get(folder));
            expect(server.requests).to.deep.equal([]);
            const left = await fs.readdir(join(folder, 'partial'));
            if (way !== 'stops')
              expect(left.filter((name) => !/\.(trash|lock)$/.test(name))).to.deep.equal([]);
          },
        });
      } finally {
        await server.stop();
      }
    });
  }
});
