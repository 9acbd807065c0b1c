import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { useBackend } from '@chaingrad/core';
import { exportOnnx } from '@chaingrad/onnx';
import { onnxOfDetector, SSDMobileNetV2 } from '@chaingrad/vision';
import { expect } from 'chai';
import * as ort from 'onnxruntime-node';
import sharp from 'sharp';
import { expectClose } from '../support/backends.ts';
import { writeVocFolder } from './generated-data.ts';
import { chaingrad, nodeArgs, temporaryFolder } from './support.ts';

/** Rows by their first numbers that differ by more than rounding. */
function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => Math.abs(value - b[i]!) > 0.01);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

const isSnapshot = (name: string) => name.startsWith('snapshot_iter_');

describe('chaingrad finetune, evaluate and detect, one after the other', () => {
  const folder = temporaryFolder();
  const json = (name: string) => JSON.parse(readFileSync(folder.path(name), 'utf8'));
  const train = ['--batch', '2', '--freeze', 'extractor/(conv|blocks)', '--eval-every', '5'];

  before(async () => {
    await writeVocFolder(folder.path('data'), 5, { trainval: [0, 1, 2, 3], test: [3, 4] });
    writeFileSync(folder.path('data/JPEGImages/1.png'), 'broken');
  });

  it('trains, tells what it leaves out and writes the best model, the log, curves, results and pictures', async () => {
    const args = [
      'finetune',
      '--data',
      folder.path('data'),
      '--out',
      folder.path('run'),
      '--epochs',
      '2',
      ...train,
    ];
    const { code, stdout, stderr } = await chaingrad(args);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.contain('3 images to learn from, 2 to test with; 2 classes: bright, dark');
    expect(stderr).to.match(/JPEGImages\/1\.png: cannot be decoded: .*\(image\)/);
    expect(stdout).to.match(/mAP@\.5 +\d\.\d{4}/);
    const log = json('run/log');
    expect(log.map(({ epoch }: { epoch: number }) => epoch)).to.deep.equal([1, 2]);
    for (const entry of log) expect(entry).to.include.keys('main/loss');
    // However seldom it is tested, the end is.
    expect(log.map((entry: object) => 'validation/main/map' in entry)).to.deep.equal([false, true]);
    expect(json('run/result.json').ap).to.have.all.keys('bright', 'dark');
    for (const name of ['loss', 'precision']) {
      expect(readFileSync(folder.path(`run/${name}.svg`), 'utf8')).to.match(/^<svg[\s\S]*(polyline|path)/);
    }
    const { width, height } = await sharp(folder.path('run/pictures/4.png')).metadata();
    expect([width, height]).to.deep.equal([96 * 2 + 8, 96]);
  });

  it('goes on where it stopped, and refuses to overwrite or to change the course', async () => {
    const out = ['--out', folder.path('run')];
    const again = await chaingrad(['finetune', '--data', folder.path('data'), ...out]);
    expect(again.code).to.equal(1);
    expect(again.stderr).to.contain('--resume');
    const other = await chaingrad(['finetune', '--resume', ...out, '--batch', '4']);
    expect(other.stderr).to.contain('began with batch 2');
    const { code, stderr } = await chaingrad([
      'finetune',
      '--resume',
      ...out,
      ...['--epochs', '3', '--export', 'onnx'],
    ]);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.contain('Resumed from').and.to.contain('ONNX has no soft suppression');
    expect(json('run/log').map(({ epoch }: { epoch: number }) => epoch)).to.deep.equal([1, 2, 3]);
  });

  it('writes the best model as an ONNX file, which finds the same in ONNX Runtime', async () => {
    await useBackend('cpu');
    using model = await SSDMobileNetV2.fromPretrained(folder.path('run/best.npz'));
    // ONNX knows no other suppression.
    expect(model.nms).to.equal('soft');
    model.nms = 'hard';
    const { data, info } = await sharp(folder.path('data/JPEGImages/4.png'))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const shape: [number, number, number] = [info.height, info.width, 3];
    // Three epochs make few things sure.
    const scoreThresh = 0.05;
    const { bboxes, labels, scores } = await model.predict([{ data: new Uint8Array(data), shape }], {
      scoreThresh,
    });
    expect(labels[0]!.length).to.be.greaterThan(0);
    const bytes = await exportOnnx(model, ...onnxOfDetector(model, { postprocess: true, scoreThresh }));
    const onImage = { image: new ort.Tensor('uint8', new Uint8Array(data), shape) };
    const session = await ort.InferenceSession.create(bytes);
    const found = await session.run(onImage);
    await session.release();
    const theirBoxes = found['boxes']!.data as Float32Array;
    expect([...(found['labels']!.data as Int32Array)]).to.deep.equal([...labels[0]!]);
    expectClose(found['scores']!.data as Float32Array, scores[0]!, 1e-5);
    // Flat colours give boxes of equal scores, whose order is open.
    const order = (list: Float32Array) =>
      Array.from({ length: list.length / 4 }, (_, n) => [labels[0]![n]!, ...list.subarray(4 * n, 4 * n + 4)])
        .sort(compare)
        .flat();
    expectClose(order(theirBoxes), order(bboxes[0]!), 1e-5);
    // The file of the command has the thresholds of detect.
    const own = await ort.InferenceSession.create(folder.path('run/best.onnx'));
    const sure = await own.run(onImage);
    await own.release();
    const expected = await model.predict([{ data: new Uint8Array(data), shape }]);
    expect([...(sure['labels']!.data as Int32Array)]).to.deep.equal([...expected.labels[0]!]);
  });

  it('refuses to go on with the classes renamed, and where another run is at work or seems to be', async () => {
    const out = folder.path('run');
    const resume = () => chaingrad(['finetune', '--resume', '--out', out, '--epochs', '4']);
    const best = readFileSync(folder.path('run/best.npz'));
    const files = readdirSync(folder.path('data/Annotations')).map((name) =>
      folder.path(`data/Annotations/${name}`),
    );
    const rename = (from: string, to: string) => {
      for (const file of files) writeFileSync(file, readFileSync(file, 'utf8').replaceAll(from, to));
    };
    rename('>dark<', '>black<');
    const renamed = await resume();
    rename('>black<', '>dark<');
    expect(renamed.code).to.equal(1);
    expect(renamed.stderr).to.contain(
      'run/settings.json: the training began with the classes bright, dark, and the data has black, bright now',
    );

    const lock = folder.path('run/run.lock');
    expect(existsSync(lock)).to.equal(false);
    const since = '2020-02-03T04:05:06.000Z';
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: hostname(), since, token: 'x' }));
    const busy = await resume();
    expect(busy.code).to.equal(1);
    expect(busy.stderr).to.contain(`process ${process.pid} on ${hostname()} is at work there since ${since}`);
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: 'another', since, token: 'x' }));
    expect((await resume()).stderr).to.contain(`on another is at work there since ${since}`);
    rmSync(lock);
    mkdirSync(lock);
    expect((await resume()).stderr).to.contain(
      'run/run.lock: expected a file that locks its folder, got a folder',
    );
    rmdirSync(lock);
    expect(readFileSync(folder.path('run/best.npz')).equals(best)).to.equal(true);
  });

  it('of two at once with one folder, one runs and the other is told so', async () => {
    const options = ['--data', folder.path('data'), '--epochs', '1', ...train];
    const args = ['finetune', '--out', folder.path('both'), ...options];
    const both = await Promise.all([chaingrad(args), chaingrad(args)]);
    expect(both.map(({ code }) => code).sort()).to.deep.equal([0, 1]);
    expect(both.find(({ code }) => code === 1)!.stderr).to.match(
      /both: process \d+ on \S+ is at work there since .*choose another --out/,
    );
    expect(readdirSync(folder.path('both')))
      .to.include('result.json')
      .and.not.include('run.lock');
  });

  it('ends as by Ctrl-C when nobody reads its output any more: it says so, and what was learnt is kept', async () => {
    const args = [
      'finetune',
      '--data',
      folder.path('data'),
      '--out',
      folder.path('piped'),
      '--epochs',
      '500',
    ];
    const child = spawn(process.execPath, nodeArgs(...args, ...train), { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    const ended = once(child, 'close');
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect((await ended)[0], stderr).to.equal(1);
    expect(stderr).to.contain('error: stopped; go on with: chaingrad finetune --resume --out');
    const files = readdirSync(folder.path('piped'));
    expect(files.filter(isSnapshot)).to.have.length(1);
    expect(files).to.include('result.json').and.include('best.npz').and.not.include('run.lock');
  });

  it('that is killed goes on from its last snapshot, and ends as if nothing had happened', async () => {
    const options = ['--data', folder.path('data'), '--epochs', '4', ...train];
    const whole = await chaingrad(['finetune', '--out', folder.path('whole'), ...options]);
    expect(whole.code, whole.stderr).to.equal(0);

    const args = ['finetune', '--out', folder.path('killed'), ...options];
    const child = spawn(process.execPath, nodeArgs(...args), { stdio: ['ignore', 'ignore', 'ignore'] });
    const ended = once(child, 'exit');
    const hasSnapshot = () =>
      existsSync(folder.path('killed')) && readdirSync(folder.path('killed')).some(isSnapshot);
    while (!hasSnapshot() && child.exitCode === null) await setTimeout(5);
    child.kill('SIGKILL');
    expect((await ended)[1]).to.equal('SIGKILL');

    const { code, stderr } = await chaingrad(['finetune', '--resume', '--out', folder.path('killed')]);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/Resumed from .*killed\/snapshot_iter_\d+: iteration \d+, epoch [123](\.\d+)?,/);
    expect(stderr).not.to.contain('not used');
    const timeless = (name: string) =>
      json(`${name}/log`).map((entry: object) => ({ ...entry, elapsed_time: 0 }));
    expect(timeless('killed')).to.deep.equal(timeless('whole'));
    expect(json('killed/result.json')).to.deep.equal(json('whole/result.json'));
    const bytes = (name: string) => readFileSync(folder.path(`${name}/best.npz`));
    expect(bytes('killed').equals(bytes('whole')), 'best.npz').to.equal(true);
  });

  it('evaluate repeats the figures from the file', async () => {
    const args = [
      'evaluate',
      '--data',
      folder.path('data'),
      '--weights',
      folder.path('run/best.npz'),
      '--json',
    ];
    const { code, stdout, stderr } = await chaingrad(args);
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal(json('run/result.json'));
  });

  it('detect finds the names of the classes in the file', async () => {
    const { code, stdout, stderr } = await chaingrad([
      'detect',
      folder.path('data/JPEGImages/4.png'),
      ...[
        '--weights',
        folder.path('run/best.npz'),
        '--score-thresh',
        '0.05',
        '--json',
        '--out',
        folder.path('found'),
      ],
    ]);
    expect(code, stderr).to.equal(0);
    const [{ objects }] = JSON.parse(stdout).images;
    for (const { label } of objects) expect(label).to.be.oneOf(['bright', 'dark']);
    expect(existsSync(folder.path('found/4.png'))).to.equal(true);
    const wrong = await chaingrad([
      'detect',
      folder.path('data/JPEGImages/4.png'),
      '--weights',
      folder.path('run/best.npz'),
      '--model',
      'ssd300',
    ]);
    expect(wrong.stderr).to.contain('--model ssd-mobilenet-v2-oid');
  });

  it('goes on from another folder with the images it began with, also when more are there', async () => {
    renameSync(folder.path('data'), folder.path('moved'));
    const resume = ['finetune', '--resume', '--out', folder.path('run'), '--epochs', '4', '--json'];
    const lost = await chaingrad(resume);
    expect(lost.code).to.equal(1);
    expect(lost.stderr).to.contain(
      `${folder.path('data')}: the images of the training are not there any more`,
    );
    for (const [stem, list] of [
      ['new', 'trainval'],
      ['other', 'test'],
    ]) {
      copyFileSync(folder.path('moved/JPEGImages/0.png'), folder.path(`moved/JPEGImages/${stem}.png`));
      copyFileSync(folder.path('moved/Annotations/0.xml'), folder.path(`moved/Annotations/${stem}.xml`));
      appendFileSync(folder.path(`moved/ImageSets/Main/${list}.txt`), `\n${stem}`);
    }
    const { code, stdout, stderr } = await chaingrad([...resume, '--data', folder.path('moved')]);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.contain('4 images then, 6 now: the training goes on with those it began with');
    expect(stderr).to.contain('3 images to learn from, 2 to test with');
    const [problem] = JSON.parse(stdout).problems.train;
    expect(problem).to.include({ kind: 'image', file: 'JPEGImages/1.png' });
  });

  it('refuses folders and options that make no sense', async () => {
    const run = (...args: string[]) => chaingrad(['finetune', '--out', folder.path('other'), ...args]);
    const cases: [string[], string][] = [
      [[], '--data is missing'],
      [['--data', folder.path('run')], 'pictures in pictures without labels'],
      [['--data', folder.path('moved'), '--strict'], 'JPEGImages/1.png: cannot be decoded: '],
      [
        ['--data', folder.path('moved'), '--strict'],
        '(image). Mend the file, or go on without it: leave --strict out.',
      ],
      [['--data', folder.path('moved'), '--freeze', 'nowhere'], 'chaingrad summary ssd-mobilenet-v2-oid'],
      [['--data', folder.path('moved'), '--test-split', 'tests'], 'test, trainval'],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await run(...args);
      expect(code, message).to.equal(1);
      expect(stderr).to.contain(message);
      expect(stderr.trim().split('\n').at(-1)).to.match(/^error: /);
    }
    // With --json the reasons are data, too.
    await writeVocFolder(folder.path('bare'), 5);
    for (const i of [0, 1, 2, 3]) writeFileSync(folder.path(`bare/JPEGImages/${i}.png`), 'broken');
    const { code, stdout } = await run('--data', folder.path('bare'), '--json');
    expect(code).to.equal(1);
    const { error, problems } = JSON.parse(stdout);
    expect(error).to.contain('there are no images to learn from');
    expect(problems.train.map(({ file }: { file: string }) => file)).to.have.length(4);
    expect(existsSync(folder.path('other'))).to.equal(false);
  });
});
