import { mkdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { apReport, apTable } from '../../packages/cli/src/average-precision.ts';
import { defaults, settingsFile, settingsOf } from '../../packages/cli/src/commands/finetune/settings.ts';
import { heldOut, openData } from '../../packages/cli/src/detection-data.ts';
import { CliError } from '../../packages/cli/src/errors.ts';
import { writeVocFolder } from './generated-data.ts';
import { temporaryFolder } from './support.ts';

const skip = { onProblem: 'skip', fallback: 'trainval' } as const;

describe('the images of finetune and evaluate', () => {
  const folder = temporaryFolder();

  it('are every annotation without lists, of which each fifth is held out', async () => {
    await writeVocFolder(folder.path('plain'), 7);
    const all = await openData({ ...skip, data: folder.path('plain') });
    const [train, test] = heldOut(all);
    const names = (dataset: typeof all) => dataset.records.map(({ file }) => file.replace(/\D/g, ''));
    expect(names(train)).to.deep.equal(['0', '1', '2', '3', '5', '6']);
    expect(names(test)).to.deep.equal(['4']);
    expect((await test.get(0)).img.shape).to.deep.equal([96, 96, 3]);
  });

  it('follow the lists, and the JSON files of COCO', async () => {
    await writeVocFolder(folder.path('listed'), 3, { trainval: [2], test: [0] });
    const { records } = await openData({ ...skip, data: folder.path('listed') });
    expect(records.map(({ file }) => file)).to.deep.equal(['JPEGImages/2.png']);

    mkdirSync(folder.path('coco/images'), { recursive: true });
    folder.write('coco/images/a.png', readFileSync(folder.path('listed/JPEGImages/0.png')));
    const image = { id: 1, file_name: 'a.png', width: 96, height: 96 };
    const annotation = { id: 1, image_id: 1, category_id: 1, bbox: [1, 2, 30, 40] };
    const json = { images: [image], annotations: [annotation], categories: [{ id: 1, name: 'square' }] };
    folder.write('coco/train.json', JSON.stringify(json));
    const coco = await openData({ ...skip, data: folder.path('coco'), split: 'train.json' });
    expect([...(await coco.get(0)).bbox]).to.deep.equal([2, 1, 42, 31]);
    expect(coco.labelNames).to.deep.equal(['square']);
  });

  it('are refused where the folder has neither layout', async () => {
    const failure = await openData({ ...skip, data: folder.path('.') }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(CliError);
  });
});

describe('apReport and apTable', () => {
  it('say null, and "none there", for a class without truth', () => {
    const report = apReport({ ap: [0.5, Number.NaN], map: 0.5 }, ['cat', 'dog', 'cow'], 3);
    expect(report).to.deep.equal({ images: 3, map: 0.5, ap: { cat: 0.5, dog: null, cow: null } });
    expect(apTable(report)).to.equal(
      'Average precision on 3 images (IoU 0.5):\n  cat     0.5000\n  dog     none there\n  cow     none there\n  mAP@.5  0.5000\n',
    );
  });
});

describe('settingsOf', () => {
  const folder = temporaryFolder();

  it('takes defaults for a new run, the old settings for a resumed one, where only its length may change', () => {
    expect(settingsOf(folder.path('new'), false, { data: 'x', lr: undefined, batch: 2 })).to.deep.equal({
      ...defaults,
      data: 'x',
      batch: 2,
    });
    mkdirSync(folder.path('run'));
    folder.write(`run/${settingsFile}`, JSON.stringify({ ...defaults, data: 'x', batch: 2 }));
    // A time alone is used up, whatever the epochs are by then.
    expect(settingsOf(folder.path('new'), false, { data: 'x', minutes: 3 }).epochs).to.equal(null);
    expect(settingsOf(folder.path('new'), false, { data: 'x', minutes: 3, epochs: 4 }).epochs).to.equal(4);
    const resumed = settingsOf(folder.path('run'), true, { epochs: 99, batch: 2 });
    expect(resumed).to.deep.equal({ ...defaults, data: 'x', batch: 2, epochs: 99 });
    expect(() => settingsOf(folder.path('run'), true, { batch: 3 })).to.throw(CliError, 'began with batch 2');
    expect(() => settingsOf(folder.path('run'), false, { data: 'x' })).to.throw(CliError, '--resume');
    expect(() => settingsOf(folder.path('new'), true, {})).to.throw(CliError, 'no training to resume');
    expect(() => settingsOf(folder.path('new'), false, {})).to.throw(CliError, '--data');
    folder.write(`run/${settingsFile}`, '{');
    expect(() => settingsOf(folder.path('run'), true, {})).to.throw(CliError, settingsFile);
  });
});
