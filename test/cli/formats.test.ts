/** Every format through every door of the command: detect, evaluate, finetune --from, transfer, and back out again. */
import { existsSync } from 'node:fs';
import { readArray, useBackend } from '@chaingrad/core';
import { SSDMobileNetV2 } from '@chaingrad/vision';
import { load, openWeights, save } from '@chaingrad/weights';
import { expect } from 'chai';
import { hdf5File, torchFile } from '../support/foreign-files.ts';
import { writeVocFolder } from './generated-data.ts';
import { chaingrad, root, temporaryFolder } from './support.ts';

const photo = `${root}examples/images/chelsea.png`;

describe('every format through every door', () => {
  const folder = temporaryFolder();
  const endings = ['npz', 'safetensors', 'json', 'pth', 'h5'] as const;
  const weights = (ending: string) => folder.path(`detector.${ending}`);

  before(async () => {
    await useBackend('cpu');
    using model = await SSDMobileNetV2.fromPretrained();
    await save(weights('npz'), model);
    await save(weights('safetensors'), model);
    const { code, stderr } = await chaingrad(['convert', weights('npz'), weights('json')]);
    expect([code, stderr]).to.deep.equal([0, '']);
    await using file = await openWeights(weights('npz'));
    const arrays = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const key of file.keys()) {
      const { shape, data } = await readArray(file, key);
      arrays.set(key, { shape, data: data as Float32Array });
    }
    folder.write('detector.pth', torchFile(arrays));
    folder.write('detector.h5', hdf5File(arrays));
  });

  for (const ending of endings) {
    it(`detect --weights x.${ending} finds what the model's own weights find`, async () => {
      const args = ['detect', photo, '--weights', weights(ending), '--json', '--out', folder.path('out')];
      const { code, stdout, stderr } = await chaingrad(args);
      expect(code, stderr).to.equal(0);
      const { objects } = JSON.parse(stdout).images[0];
      expect(objects.map(({ label }: { label: string }) => label)).to.deep.equal(['Cat']);
      expect(objects[0].score).to.be.closeTo(0.85, 0.005);
    });

    it(`transfer --from x.${ending} copies all but the class layers`, async () => {
      const out = folder.path(`from-${ending}.safetensors`);
      const to = 'ssd-mobilenet-v2-oid:nFgClass=3';
      const { code, stdout } = await chaingrad([
        'transfer',
        '--from',
        weights(ending),
        '--to',
        to,
        '--out',
        out,
      ]);
      expect(code).to.equal(0);
      expect(stdout).to.match(/^copied 132 .*\nshapes differ 12:\n/);
      using model = new SSDMobileNetV2({ nFgClass: 3 });
      expect((await load(model, out)).copied).to.have.length(144);
    });

    it(`fromPretrained, load and load with at and match take x.${ending}`, async () => {
      using model = await SSDMobileNetV2.fromPretrained(weights(ending));
      expect(model.nFgClass).to.equal(23);
      const report = await load(model.extractor, weights(ending), { at: 'extractor' });
      expect(report.missingInSrc).to.deep.equal([]);
      expect(report.copied.length).to.equal([...model.extractor.params()].length);
    });
  }

  it('finetune --from and evaluate take each, too', async () => {
    const data = folder.path('data');
    await writeVocFolder(data, 3, { trainval: [0, 1], test: [2] });
    const freeze = ['--freeze', 'extractor', '--epochs', '1', '--batch', '2'];
    for (const ending of endings) {
      const out = folder.path(`run-${ending}`);
      const from = ['--from', weights(ending), ...freeze];
      const tuned = await chaingrad(['finetune', '--data', data, '--out', out, ...from]);
      expect(tuned.code, tuned.stderr).to.equal(0);
      expect(tuned.stderr, ending).to.match(/took over 132 /);
      expect(existsSync(`${out}/best.npz`)).to.equal(true);
    }
    const best = folder.path(`run-npz/best.npz`);
    for (const ending of ['safetensors', 'json']) {
      const copy = folder.path(`best.${ending}`);
      expect((await chaingrad(['convert', best, copy])).code).to.equal(0);
      const measured = await chaingrad(['evaluate', '--data', data, '--weights', copy, '--json']);
      expect(measured.code, measured.stderr).to.equal(0);
      const known = await chaingrad(['evaluate', '--data', data, '--weights', best, '--json']);
      expect(JSON.parse(measured.stdout)).to.deep.equal(JSON.parse(known.stdout));
    }
  });
});
