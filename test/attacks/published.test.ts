/** The published attacks of `published.ts`, and those on ONNX, which need a folder: refused by an error of ours, or read right. */
import '@tensorflow/tfjs-backend-cpu';
import { link as hardLink, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatError } from '@chaingrad/core';
import {
  create,
  DataLocation,
  ElementType,
  importOnnx,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
} from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { buildModel } from '../onnx/import/model-builder.ts';
import { rejection } from '../support/errors.ts';
import { advisory, kerasKeys, nvd, published, readAll } from './published.ts';

/** What a file may make its reader take: so many times its size, and as much again for the reader itself. */
const factor = 16;
const own = 1 << 20;

/**
 * Runs `work`, and compares the memory of buffers that it took.
 * @param size the file's.
 */
async function withinBudget<T>(size: number, work: () => Promise<T>): Promise<T> {
  const before = process.memoryUsage().arrayBuffers;
  const result = await work();
  expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(factor * size + own);
  return result;
}

describe('attacks: published', () => {
  before(() => tf.setBackend('cpu'));

  for (const [format, attacks] of Object.entries(published)) {
    describe(format, () => {
      for (const { title, source, make, outcome } of attacks) {
        it(`${title} [${source}]`, async function () {
          this.timeout(60_000);
          const bytes = await make();
          if (outcome instanceof RegExp) {
            const error = await withinBudget(bytes.length, () => rejection(readAll(bytes), FormatError));
            expect(error.file).to.equal('evil.bin');
            expect(error.message).to.match(outcome);
            expect(error.message.length).to.be.lessThan(2000);
            return;
          }
          const keys = await withinBudget(bytes.length, () => readAll(bytes));
          const isKeras = Buffer.from(bytes).includes('model.weights.h5');
          expect(keys).to.deep.equal(isKeras ? await kerasKeys() : outcome);
        });
      }
    });
  }

  describe('ONNX', () => {
    let folder: string;
    const secret = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'chaingrad-published-'));
      await mkdir(join(folder, 'model'));
      await writeFile(join(folder, 'secret'), secret);
      await symlink(join(folder, 'secret'), join(folder, 'model', 'symbolic'));
      await hardLink(join(folder, 'secret'), join(folder, 'model', 'hard'));
      await writeFile(join(folder, 'model', 'w'), secret);
    });
    after(() => rm(folder, { recursive: true }));
    const open = async (entries: Record<string, string>) => {
      const file = join(folder, 'model', 'evil.onnx');
      const weight = create(TensorProtoSchema, {
        dims: [2n, 2n],
        dataType: ElementType.FLOAT,
        dataLocation: DataLocation.EXTERNAL,
        externalData: Object.entries(entries).map(([key, value]) =>
          create(StringStringEntryProtoSchema, { key, value }),
        ),
      });
      await writeFile(
        file,
        buildModel({
          inputs: { x: [1, 2] },
          outputs: ['y'],
          initializers: { w: weight },
          nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
        }),
      );
      return importOnnx(file);
    };

    for (const [title, source, entries] of [
      ['CVE-2022-25882: ../ in the name of external data', nvd('CVE-2022-25882'), { location: '../secret' }],
      [
        'CVE-2024-27318: what its mending let through',
        advisory('GHSA-whh8-fjgc-qp73'),
        { location: 'x/../../secret' },
      ],
      ['CVE-2024-27318: an absolute path', advisory('GHSA-whh8-fjgc-qp73'), { location: '/etc/passwd' }],
      [
        'CVE-2024-5187, -7776, CVE-2025-51480: names that lead out of the folder',
        advisory('GHSA-6rq9-53c3-f7vj'),
        { location: './../secret' },
      ],
      [
        'CVE-2026-27489: a symbolic link out of the folder',
        'https://github.com/onnx/onnx/pull/7717',
        { location: 'symbolic' },
      ],
      [
        'CVE-2024-27319, CVE-2026-34445: an offset and a length beyond the file',
        nvd('CVE-2024-27319'),
        { location: 'w', offset: '900000000000000', length: '16' },
      ],
      [
        'CVE-2026-34445: a length of petabytes',
        nvd('CVE-2026-34445'),
        { location: 'w', length: '900000000000000' },
      ],
    ] as [string, string, Record<string, string>][]) {
      it(`${title} [${source}]`, async () => {
        await withinBudget(1000, () => rejection(open(entries), FormatError));
      });
    }

    it('CVE-2026-34445: keys of external data that are attributes of objects [https://nvd.nist.gov/vuln/detail/CVE-2026-34445]', async () => {
      using network = await open({ location: 'w', __proto__x: '1', constructor: 'x', basepath: '/' });
      const [param] = network.params();
      expect([...param!.tensor.dataSync()]).to.deep.equal([1, 2, 3, 4]);
      expect(({} as Record<string, unknown>)['x']).to.equal(undefined);
    });
  });
});
