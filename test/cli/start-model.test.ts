/** Every model of `chaingrad finetune` can begin. */
import { Random, useBackend } from '@chaingrad/core';
import type { DetectionDataset } from '@chaingrad/vision';
import { expect } from 'chai';
import { defaults, type FinetuneSettings } from '../../packages/cli/src/commands/finetune/settings.ts';
import { startModel } from '../../packages/cli/src/commands/finetune/start-model.ts';
import { ssds } from '../../packages/cli/src/models.ts';
import { chaingrad, temporaryFolder } from './support.ts';

describe('cli/finetune/startModel', function () {
  this.timeout(60_000);
  before(() => useBackend('wasm'));

  const start = (chosen: Partial<FinetuneSettings>) =>
    startModel(
      { ...defaults, data: '', from: 'none', ...chosen },
      { labelNames: ['a', 'b'] } as unknown as DetectionDataset,
      new Random(0),
      () => {},
    );

  for (const name of ['ssd-mobilenet-v2-oid', 'ssd300', 'ssd512'] as const) {
    it(`${name}: for the classes of the data, by softmax`, async () => {
      using model = await start({ model: name });
      expect([model.nFgClass, model.labelNames, model.scoreFunction]).to.deep.equal([
        2,
        ['a', 'b'],
        'softmax',
      ]);
      expect(model.insize).to.equal(ssds[name].inputShape[1]);
    });
  }

  it('with another input where the model takes one', async () => {
    using model = await start({ model: 'ssd-mobilenet-v2-oid', size: 128 });
    expect(model.insize).to.equal(128);
  });

  const folder = temporaryFolder();

  it('and where it does not, says so', async () => {
    const { code, stderr } = await chaingrad([
      ...['finetune', '--data', folder.path('data'), '--out', folder.path('run')],
      ...['--model', 'ssd300', '--size', '512'],
    ]);
    expect(code).to.equal(1);
    expect(stderr).to.contain('ssd300 sees 300 x 300 pixels: leave --size out');
  });
});
