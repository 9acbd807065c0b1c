import { mkdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DetectionDataset } from '@chaingrad/vision';
import { expect } from 'chai';
import { apReport, apTable } from '../../packages/cli/src/average-precision.ts';
import { defaults, settingsFile, settingsOf } from '../../packages/cli/src/commands/finetune/settings.ts';
import { expectObjects, openTest, openTraining } from '../../packages/cli/src/detection-data.ts';
import { CliError } from '../../packages/cli/src/errors.ts';
import { rejection } from '../support/errors.ts';
import { writeVocFolder } from './generated-data.ts';
import { temporaryFolder } from './support.ts';

const skip = { onProblem: 'skip' } as const;
const told: string[] = [];
const say = (text: string) => {
  told.push(text);
};
const names = ({ records }: DetectionDataset) => records.map(({ file }) => file.replace(/\D/g, ''));

describe('the images of finetune and evaluate', () => {
  const folder = temporaryFolder();
  beforeEach(() => told.splice(0));

  it('are every annotation without lists, of which each fifth is held out', async () => {
    await writeVocFolder(folder.path('plain'), 7);
    const data = folder.path('plain');
    const { train, test } = await openTraining({ ...skip, data }, say);
    expect(names(train)).to.deep.equal(['0', '1', '2', '3', '5', '6']);
    expect(names(test)).to.deep.equal(['4']);
    expect((await test.get(0)).img.shape).to.deep.equal([96, 96, 3]);
    expect(told).to.deep.equal([`${data}: Pascal VOC in Annotations/, 7 images in JPEGImages/`]);
    expect(names(await openTest({ ...skip, data }, say))).to.deep.equal(['4']);
  });

  it('follow the lists, and the JSON files of COCO', async () => {
    await writeVocFolder(folder.path('listed'), 3, { trainval: [2], test: [0] });
    const listed = await openTraining({ ...skip, data: folder.path('listed') }, say);
    expect(names(listed.train)).to.deep.equal(['2']);
    expect(names(listed.test)).to.deep.equal(['0']);

    mkdirSync(folder.path('coco/images'), { recursive: true });
    folder.write('coco/images/a.png', readFileSync(folder.path('listed/JPEGImages/0.png')));
    const image = { id: 1, file_name: 'a.png', width: 96, height: 96 };
    const annotation = { id: 1, image_id: 1, category_id: 1, bbox: [1, 2, 30, 40] };
    const json = { images: [image], annotations: [annotation], categories: [{ id: 1, name: 'square' }] };
    folder.write('coco/train.json', JSON.stringify(json));
    const coco = await openTest({ ...skip, data: folder.path('coco'), split: 'train.json' }, say);
    expect([...(await coco.get(0)).bbox]).to.deep.equal([2, 1, 42, 31]);
    expect(coco.labelNames).to.deep.equal(['square']);
    expect(told.at(-1)).to.equal(`${folder.path('coco')}: COCO in train.json, images in images/`);
  });

  it('are of test, else of val, and never what is learnt; the best is chosen by val beside both', async () => {
    let chosenBy: string[] | null = null;
    const parts = async (lists: Record<string, number[]>, name: string) => {
      await writeVocFolder(folder.path(name), 4, lists);
      const { train, val, test } = await openTraining({ ...skip, data: folder.path(name) }, say);
      chosenBy = val === null ? null : names(val);
      return [names(train), names(test), names(await openTest({ ...skip, data: folder.path(name) }, say))];
    };
    expect(await parts({ train: [0], val: [1], test: [2] }, 'three')).to.deep.equal([['0'], ['2'], ['2']]);
    expect(chosenBy).to.deep.equal(['1']);
    expect(await parts({ train: [0], val: [1], trainval: [0, 1] }, 'voc')).to.deep.equal([
      ['0'],
      ['1'],
      ['1'],
    ]);
    expect(await parts({ train: [0], val: [1], trainval: [0, 1], test: [3] }, 'four')).to.deep.equal([
      ['0', '1'],
      ['3'],
      ['3'],
    ]);
    expect(chosenBy).to.equal(null);
  });

  it('are spared to choose by, each tenth of many', async () => {
    await writeVocFolder(folder.path('one'), 1);
    const ids = Array.from({ length: 200 }, (_, i) => `${i + 1000}`);
    for (const id of ids) {
      for (const name of ['Annotations/0.xml', 'JPEGImages/0.png']) {
        folder.write(`one/${name.replace('/0', `/${id}`)}`, readFileSync(folder.path(`one/${name}`)));
      }
    }
    mkdirSync(folder.path('one/ImageSets/Main'), { recursive: true });
    folder.write('one/ImageSets/Main/trainval.txt', ids.join('\n'));
    folder.write('one/ImageSets/Main/test.txt', '0');
    const { train, val, test } = await openTraining({ ...skip, data: folder.path('one') }, say);
    expect([train.length, val!.length, test.length]).to.deep.equal([180, 20, 1]);
    expect(names(val!).slice(0, 2)).to.deep.equal(['1009', '1019']);
  });

  it('tell the problems of the training part where the other cannot be opened', async () => {
    await writeVocFolder(folder.path('half'), 3, { trainval: [0, 1, 7], test: [2] });
    const opening = openTraining({ ...skip, data: folder.path('half'), testSplit: 'tests' }, say);
    const error = await rejection(opening, CliError);
    expect(error.message).to.contain('--test-split tests: the folder has test, trainval');
    expect(told.join()).to.contain('Annotations/7.xml: there is no such file; image left out');
  });

  it('must hold something: else it is said what is missing', async () => {
    await writeVocFolder(folder.path('bare'), 2);
    for (const i of [0, 1]) {
      folder.write(
        `bare/Annotations/${i}.xml`,
        '<annotation><size><width>96</width><height>96</height></size></annotation>',
      );
    }
    const { train, test } = await openTraining({ ...skip, data: folder.path('bare') }, say);
    expect(train.length).to.equal(2);
    expect(() => expectObjects('bare', train, 'to learn from')).to.throw(
      CliError,
      'bare: none of the 2 images to learn from has an object',
    );
    expect(() => expectObjects('bare', test, 'to test with')).to.throw(
      CliError,
      'there are no images to test with',
    );
  });

  it('are refused where the folder has no layout', async () => {
    const error = await rejection(openTest({ ...skip, data: folder.path('nothing') }, say), CliError);
    expect(error.message).to.contain('no pictures and no labels');
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
      data: resolve('x'),
      batch: 2,
    });
    mkdirSync(folder.path('run'));
    folder.write(`run/${settingsFile}`, JSON.stringify({ ...defaults, data: 'x', batch: 2 }));
    // A time alone is used up, whatever the epochs are by then.
    expect(settingsOf(folder.path('new'), false, { data: 'x', minutes: 3 }).epochs).to.equal(null);
    expect(settingsOf(folder.path('new'), false, { data: 'x', minutes: 3, epochs: 4 }).epochs).to.equal(4);
    const resumed = settingsOf(folder.path('run'), true, { epochs: 99, batch: 2 });
    expect(resumed).to.deep.equal({ ...defaults, data: resolve('x'), batch: 2, epochs: 99 });
    // The images may have moved.
    expect(settingsOf(folder.path('run'), true, { data: 'y' }).data).to.equal(resolve('y'));
    expect(() => settingsOf(folder.path('run'), true, { batch: 3 })).to.throw(CliError, 'began with batch 2');
    expect(() => settingsOf(folder.path('run'), false, { data: 'x' })).to.throw(CliError, '--resume');
    expect(() => settingsOf(folder.path('new'), true, {})).to.throw(CliError, 'no training to resume');
    expect(() => settingsOf(folder.path('new'), false, {})).to.throw(CliError, '--data');
    folder.write(`run/${settingsFile}`, '{');
    expect(() => settingsOf(folder.path('run'), true, {})).to.throw(CliError, settingsFile);
  });
});
