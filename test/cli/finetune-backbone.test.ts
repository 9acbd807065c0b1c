/** A detector that begins from the file of a classifier: finetune, and what opens its file again. */
import { readFileSync } from 'node:fs';
import { useBackend } from '@chaingrad/core';
import { ResNet18, SSDResNet18 } from '@chaingrad/vision';
import { openWeights, readAbout } from '@chaingrad/weights';
import { expect } from 'chai';
import * as ort from 'onnxruntime-node';
import { readJson } from '../support/goldens.ts';
import { stateDict, type TorchGolden } from '../support/torch-state.ts';
import { writeVocFolder } from './generated-data.ts';
import { chaingrad, temporaryFolder } from './support.ts';

describe('chaingrad finetune --model ssd-resnet18 --from resnet18', () => {
  const folder = temporaryFolder();
  const golden = readJson<TorchGolden>('goldens/torch_resnet18.json');
  let classifier = '';

  before(async () => {
    await writeVocFolder(folder.path('data'), 4, { trainval: [0, 1], test: [2, 3] });
    classifier = folder.write('resnet18.safetensors', await stateDict(golden));
  });

  const begin = (out: string, ...options: string[]) =>
    chaingrad([
      'finetune',
      ...['--data', folder.path('data'), '--out', folder.path(out), '--model', 'ssd-resnet18'],
      ...options,
    ]);

  it("takes over torchvision's backbone, learns, and writes a file that tells what it is", async () => {
    const { code, stderr } = await begin(
      'run',
      ...['--from', classifier, '--size', '64', '--tiles', '1', '--batch', '2', '--updates', '2'],
    );
    expect(code, stderr).to.equal(0);
    // 20 convolutions and normalizations: a kernel, and gamma, beta, mean, variance and number of each.
    expect(stderr).to.contain(
      'took over 120 arrays of ResNet18 (torchvision-resnet18), all but /fc6/W, /fc6/b; coarser maps and heads begin anew',
    );
    expect(stderr).to.contain('ssd-resnet18 on wasm, 15 of 96 parameter arrays frozen');
    const best = folder.path('run/best.npz');
    await using file = await openWeights(best);
    expect(readAbout(file)).to.deep.equal({
      model: 'SSDResNet18',
      nFgClass: 2,
      labelNames: ['bright', 'dark'],
      scoreFunction: 'softmax',
      insize: 64,
      nms: 'soft',
    });
    await useBackend('cpu');
    using learnt = await SSDResNet18.fromPretrained(best);
    using theirs = await ResNet18.fromPretrained(classifier, { names: 'torchvision-resnet18' });
    const kernel = ({ res2, res5 }: ResNet18) =>
      [res2, res5].map((stage) => {
        const [, param] = [...stage.namedparams()].find(([path]) => path === '/a/conv1/conv/W')!;
        return param.tensor.dataSync();
      });
    const [[early, late], [before, last]] = [learnt.extractor.base, theirs].map(kernel) as [
      Float32Array[],
      Float32Array[],
    ];
    expect(early).to.deep.equal(before);
    const moved = late!.reduce((most, value, i) => Math.max(most, Math.abs(value - last![i]!)), 0);
    expect(moved).to.be.within(1e-6, 1e-2);
  });

  it('goes on by --resume', async () => {
    const { code, stderr } = await chaingrad([
      'finetune',
      '--resume',
      ...['--out', folder.path('run'), '--updates', '3'],
    ]);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.contain('Resumed from');
  });

  it('is opened again by detect, evaluate and export without being named', async () => {
    const weights = ['--weights', folder.path('run/best.npz')];
    const picture = folder.path('data/JPEGImages/3.png');
    const detect = await chaingrad([
      ...['detect', picture, ...weights, '--score-thresh', '0', '--json', '--out', folder.path('found')],
    ]);
    expect(detect.code, detect.stderr).to.equal(0);
    const { model, images } = JSON.parse(detect.stdout);
    expect(model).to.equal('ssd-resnet18');
    expect(images[0].objects).not.to.have.length(0);
    for (const { label } of images[0].objects) expect(label).to.be.oneOf(['bright', 'dark']);

    const evaluate = await chaingrad(['evaluate', '--data', folder.path('data'), ...weights, '--json']);
    expect(evaluate.code, evaluate.stderr).to.equal(0);
    expect(JSON.parse(evaluate.stdout)).to.deep.equal(
      JSON.parse(readFileSync(folder.path('run/result.json'), 'utf8')),
    );

    const onnx = folder.path('best.onnx');
    const exported = await chaingrad(['export', folder.path('run/best.npz'), onnx, '--with-postprocess']);
    expect(exported.code, exported.stderr).to.equal(0);
    expect(exported.stderr).to.contain(
      'ONNX has no soft suppression: the file drops boxes that overlap a better one by 0.45',
    );
    const session = await ort.InferenceSession.create(onnx);
    expect(session.outputNames).to.deep.equal(['boxes', 'labels', 'scores']);
    await session.release();
  });

  it('does not begin from weights that there are not', async () => {
    const { code, stderr } = await begin('none');
    expect(code).to.equal(1);
    expect(stderr).to.contain(
      'ssd-resnet18 has no weights of its own: pass --from with a file of the classifier ResNet18',
    );
    const detect = await chaingrad([
      'detect',
      folder.path('data/JPEGImages/3.png'),
      '--model',
      'ssd-resnet18',
    ]);
    expect(detect.code).to.equal(1);
    expect(detect.stderr).to.contain('ssd-resnet18 has no weights of its own: pass --weights FILE');
  });
});
