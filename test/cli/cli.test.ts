/** The command line from outside: what it prints where, and its exit code. */
import { expect } from 'chai';
import { chaingrad, type Outcome } from './support.ts';

/** Nothing on stdout, one line on stderr, exit code 1. */
function expectRefusal({ code, stdout, stderr }: Outcome, line: string | RegExp): void {
  expect(code).to.equal(1);
  expect(stdout).to.equal('');
  expect(stderr.split('\n')).to.have.length(2);
  if (typeof line === 'string') expect(stderr).to.equal(`error: ${line}\n`);
  else expect(stderr).to.match(line);
}

describe('cli', () => {
  it('has a help that names every command', async () => {
    const { code, stdout, stderr } = await chaingrad(['--help']);
    expect(code).to.equal(0);
    expect(stderr).to.equal('');
    expect(stdout).to.match(/^Usage: chaingrad \[options\] \[command\]\n/);
    for (const name of ['detect', 'summary', 'transfer'])
      expect(stdout).to.match(new RegExp(`^ {2}${name} `, 'm'));
  });

  it('prints the help as an error when no command is given', async () => {
    const { code, stdout, stderr } = await chaingrad([]);
    expect(code).to.equal(1);
    expect(stdout).to.equal('');
    expect(stderr).to.match(/^Usage: chaingrad /);
  });

  it('has a help for each command, with its options and models', async () => {
    const { code, stdout } = await chaingrad(['detect', '--help']);
    expect(code).to.equal(0);
    const options = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name]) => name);
    expect(options).to.deep.equal([
      '--model',
      '--weights',
      '--names',
      '--backend',
      '--wide',
      '--score-thresh',
      '--nms-thresh',
      '--n-fg-class',
      '--labels',
      '--tiles',
      '--out',
      '--json',
      '--jsonl',
      '--shard',
    ]);
    expect(stdout).to.match(/^ {2}ssd-mobilenet-v2-oid +SSD on MobileNetV2/m);
    expect(stdout).to.include('chaingrad-out');
  });

  it('prints its version', async () => {
    const { code, stdout } = await chaingrad(['--version']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  it('lists the commands for an unknown one', async () => {
    expectRefusal(
      await chaingrad(['detekt', 'a.png']),
      "unknown command 'detekt' (Did you mean detect?); commands are: detect, classify, segment, check, finetune, evaluate, summary, transfer, convert, export, cache, bench",
    );
  });

  it('lists the options for an unknown one', async () => {
    expectRefusal(
      await chaingrad(['detect', '--threshold', '1', 'a.png']),
      "unknown option '--threshold'; options are: --model, --weights, --names, --backend, --wide, --score-thresh, --nms-thresh, --n-fg-class, --labels, --tiles, --out, --json, --jsonl, --shard",
    );
  });

  it('lists the models for an unknown one', async () => {
    expectRefusal(
      await chaingrad(['detect', '--model', 'yolo', 'a.png']),
      /argument 'yolo' is invalid\. Allowed choices are centernet-mobilenetv3-coco, ssd-mobilenet-v2-oid, ssd300, ssd512, face, ssd-resnet18, ssd-resnet50\.$/m,
    );
    expectRefusal(
      await chaingrad(['summary', 'yolo']),
      "unknown model 'yolo'; valid are: centernet-mobilenetv3-coco, ssd-mobilenet-v2-oid, ssd300, ssd512, face, ssd-resnet18, ssd-resnet50, vgg16",
    );
  });

  it('lists the backends for an unknown one', async () => {
    expectRefusal(
      await chaingrad(['detect', '--backend', 'webgl', 'a.png']),
      /argument 'webgl' is invalid\. Allowed choices are auto, webgpu, wasm, cpu\.$/m,
    );
  });

  it('refuses thresholds and counts that are none', async () => {
    const refused = (option: string, value: string) => chaingrad(['detect', 'a.png', option, value]);
    expectRefusal(await refused('--score-thresh', '1.5'), /Expected a number from 0 to 1\.$/m);
    expectRefusal(await refused('--nms-thresh', 'high'), /Expected a number from 0 to 1\.$/m);
    expectRefusal(await refused('--n-fg-class', '0'), /Expected a whole number, at least 1\.$/m);
  });

  it('asks for what is missing', async () => {
    expectRefusal(await chaingrad(['detect']), "missing required argument 'image'");
    expectRefusal(
      await chaingrad(['transfer', '--from', 'a.npz']),
      "required option '--to <model>' not specified",
    );
  });
});
