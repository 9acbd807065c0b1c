/** Every model of `chaingrad finetune` can begin. */
import { InvalidArgumentError, Random, useBackend } from '@chaingrad/core';
import { type DetectionDataset, SSDResNet18 } from '@chaingrad/vision';
import { serialize } from '@chaingrad/weights';
import { expect } from 'chai';
import { defaults, type FinetuneSettings } from '../../packages/cli/src/commands/finetune/settings.ts';
import { startModel } from '../../packages/cli/src/commands/finetune/start-model.ts';
import { CliError } from '../../packages/cli/src/errors.ts';
import { ssds } from '../../packages/cli/src/models.ts';
import { rejection } from '../support/errors.ts';
import { readJson } from '../support/goldens.ts';
import { stateDict, type TorchGolden } from '../support/torch-state.ts';
import { chaingrad, temporaryFolder } from './support.ts';

describe('cli/finetune/startModel', () => {
  before(() => useBackend('wasm'));

  const said: string[] = [];
  const start = (chosen: Partial<FinetuneSettings>) =>
    startModel(
      { ...defaults, data: '', from: 'none', ...chosen },
      { labelNames: ['a', 'b'] } as unknown as DetectionDataset,
      new Random(0),
      (text) => said.push(text),
    );

  for (const name of ['ssd-mobilenet-v2-oid', 'ssd300', 'ssd512', 'ssd-resnet18', 'ssd-resnet50'] as const) {
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
    using model = await start({ model: 'ssd-resnet18', size: 128 });
    expect(model.insize).to.equal(128);
  });

  const folder = temporaryFolder();

  it('from a file of its own class, heads and all', async () => {
    using trained = new SSDResNet18({ nFgClass: 2, insize: 64 }).initialize([1, 64, 64, 3]);
    trained.labelNames = ['a', 'b'];
    const from = folder.write('best.npz', await serialize(trained, { compression: false }));
    using model = await start({ model: 'ssd-resnet18', size: 64, from });
    expect(said.at(-1)).to.match(/^took over \d+ parameter arrays$/);
    const [theirs, ours] = [trained, model].map(({ multibox }) => multibox.conf.at(0).W.tensor.dataSync());
    expect(ours).to.deep.equal(theirs);
  });

  it('not from a file of another classifier, nor by names that there are not', async () => {
    const golden = readJson<TorchGolden>('goldens/torch_resnet18.json');
    const state_dict = golden.state_dict.filter(([name]) => !name.startsWith('layer4.1.'));
    const from = folder.write('other.safetensors', await stateDict({ ...golden, state_dict }));
    const other = await rejection(start({ model: 'ssd-resnet18', from }), CliError);
    expect(other.message).to.contain('other.safetensors is no file of the classifier ResNet18');
    expect(other.message).to.contain('/res5/b1/');
    const names = await rejection(
      start({ model: 'ssd-resnet18', from, names: 'torchvision-resnet19' }),
      InvalidArgumentError,
    );
    expect(names.message).to.contain('one of torchvision-vgg16');
  });

  it('not with another input where the model takes none', async () => {
    const { code, stderr } = await chaingrad([
      ...['finetune', '--data', folder.path('data'), '--out', folder.path('run')],
      ...['--model', 'ssd300', '--size', '512'],
    ]);
    expect(code).to.equal(1);
    expect(stderr).to.contain('ssd300 sees 300 x 300 pixels: leave --size out');
  });
});
