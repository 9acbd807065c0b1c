/** Every command when whoever reads its output goes away, as `| head -1` does: it ends in silence, and what it has written is whole. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { useBackend } from '@chaingrad/core';
import { importOnnx } from '@chaingrad/onnx';
import { SSDMobileNetV2 } from '@chaingrad/vision';
import { openWeights, save } from '@chaingrad/weights';
import { expect } from 'chai';
import sharp from 'sharp';
import { writeVocFolder } from './generated-data.ts';
import { nodeArgs, root, temporaryFolder } from './support.ts';

const photo = `${root}examples/images/chelsea.png`;

/** Runs a command whose output nobody reads. @param streams which of them are closed before anything is written. */
function unread(
  args: readonly string[],
  streams: 'stdout' | 'both',
): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const pipe = streams === 'both' ? '"$@" 2>&1 | true' : '"$@" | true';
    const command = ['-c', `set -o pipefail; ${pipe}`, '_', process.execPath, ...nodeArgs(...args)];
    const child = spawn('bash', command, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stderr }));
  });
}

describe('commands whose output is closed', () => {
  const folder = temporaryFolder();
  let source = '';

  before(async function () {
    if (process.platform === 'win32') this.skip();
    await useBackend('cpu');
    using model = await SSDMobileNetV2.fromPretrained();
    source = folder.path('source.npz');
    await save(source, model);
    await writeVocFolder(folder.path('data'), 5, { trainval: [0, 1, 2], test: [3, 4] });
  });

  /** Opens everything in a folder: what is there is whole, and nothing is left that was not finished. */
  const isWhole = async (name: string) => {
    for (const file of readdirSync(folder.path(name))) {
      const path = folder.path(`${name}/${file}`);
      if (/\.(npz|safetensors)$/.test(file) || file.startsWith('snapshot_iter_')) {
        await using weights = await openWeights(path);
        expect(weights.keys()).not.to.deep.equal([]);
      } else if (file.endsWith('.onnx')) (await importOnnx(path)).dispose();
      else if (file.endsWith('.png')) await sharp(path).stats();
      else if (/\.json$|^log$/.test(file)) JSON.parse(readFileSync(path, 'utf8'));
      else if (file !== 'pictures') expect(file).to.match(/\.svg$/);
    }
  };

  const commands: [string, () => string[], string[]][] = [
    ['help', () => ['--help'], []],
    ['detect', () => ['detect', photo, photo, '--out', folder.path('detect')], ['chelsea.png']],
    ['check', () => ['check', folder.path('data'), '--out', folder.path('check/sheet.png')], ['sheet.png']],
    ['summary', () => ['summary', 'face'], []],
    [
      'transfer',
      () => [
        'transfer',
        '--from',
        source,
        '--to',
        'ssd-mobilenet-v2-oid',
        '--out',
        folder.path('transfer/x.npz'),
      ],
      ['x.npz'],
    ],
    ['convert', () => ['convert', source, folder.path('convert/x.safetensors')], ['x.safetensors']],
    ['export', () => ['export', 'ssd-mobilenet-v2-oid', folder.path('export/x.onnx')], ['x.onnx']],
    ['cache', () => ['cache', 'list'], []],
    ['bench', () => ['bench', 'ssd-mobilenet-v2-oid', '--runs', '1'], []],
  ];
  for (const [name, args, written] of commands) {
    it(`${name} ends well`, async () => {
      const { code, stderr } = await unread(args(), 'both');
      expect([code, stderr]).to.deep.equal([0, '']);
      if (written.length === 0) return;
      expect(readdirSync(folder.path(name))).to.include.members(written);
      await isWhole(name);
    });
  }

  for (const streams of ['stdout', 'both'] as const) {
    it(`finetune keeps what was learnt, as by Ctrl-C: ${streams}`, async () => {
      const out = folder.path(streams);
      const args = [
        'finetune',
        '--data',
        folder.path('data'),
        '--out',
        out,
        '--updates',
        '2',
        '--batch',
        '2',
      ];
      const { code, stderr } = await unread([...args, '--freeze', 'extractor/(conv|blocks)'], streams);
      expect(stderr).not.to.match(/EPIPE|at .*\.ts:\d+/);
      expect(code).to.be.within(0, 1);
      const files = readdirSync(out);
      expect(files).to.include.members(['best.npz', 'log', 'result.json', 'settings.json']);
      expect(files).not.to.include('run.lock');
      expect(files.some((file) => file.startsWith('snapshot_iter_'))).to.equal(true);
      await isWhole(streams);
    });
  }

  it('evaluate ends well', async () => {
    const args = ['evaluate', '--data', folder.path('data'), '--weights', folder.path('both/best.npz')];
    expect(await unread(args, 'both')).to.deep.equal({ code: 0, stderr: '' });
  });
});
