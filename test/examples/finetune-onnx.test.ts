import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('examples/finetune-onnx', () => {
  it('teaches the text detector shapes, and onnxruntime runs what it writes', async () => {
    const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'example:finetune-onnx'], {
      cwd: root,
    });
    const right = [...stdout.matchAll(/(\d+) % of new pictures right/g)].map(([, percent]) =>
      Number(percent),
    );
    expect(right[0]).to.be.below(60);
    expect(right.at(-1)).to.be.at.least(90);
    expect(stdout).to.include('onnxruntime gives the same scores');
  });
});
