/** Files of the Hugging Face hub by a short address: `hf:owner/name/file`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWeights, SourceError } from '@chaingrad/weights';
import { expect } from 'chai';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { hubAddress } from '../../../packages/weights/src/sources/hugging-face.ts';
import { rejection } from '../../support/errors.ts';
import { floats } from '../support.ts';
import { WeightsServer } from '../weights-server.ts';

describe('weights/sources/hf:', () => {
  const names = ['HF_ENDPOINT', 'CHAINGRAD_CACHE'] as const;
  const saved = names.map((name) => process.env[name]);
  let server: WeightsServer;
  let root: string;
  before(async () => {
    server = await WeightsServer.start();
    root = await mkdtemp(join(tmpdir(), 'chaingrad-hf-'));
    process.env['HF_ENDPOINT'] = server.url;
    process.env['CHAINGRAD_CACHE'] = root;
  });
  after(async () => {
    for (const [i, name] of names.entries()) {
      if (saved[i] === undefined) delete process.env[name];
      else process.env[name] = saved[i];
    }
    await server.stop();
    await rm(root, { recursive: true });
  });

  it('are read from the hub, a revision of one too, and kept', async () => {
    for (const [source, path] of [
      ['hf:owner/net/model.npz', 'owner/net/resolve/main/model.npz'],
      ['hf:owner/net@v1.0/deep/my model.npz', 'owner/net/resolve/v1.0/deep/my%20model.npz'],
    ] as const) {
      server.serve(path, { body: writeNpz([['conv/W', floats([2])]]) });
      for (let time = 0; time < 2; time++) {
        await using file = await openWeights(source);
        expect(file.keys()).to.deep.equal(['conv/W']);
      }
      expect(server.requests.filter((asked) => asked.path.endsWith(path)).length, 'requests').to.equal(1);
    }
  });

  it('have an address on the hub of everyone', () => {
    const own = process.env['HF_ENDPOINT'];
    delete process.env['HF_ENDPOINT'];
    try {
      expect(hubAddress('hf:timm/resnet18.a1_in1k/model.safetensors')).to.equal(
        'https://huggingface.co/timm/resnet18.a1_in1k/resolve/main/model.safetensors',
      );
    } finally {
      process.env['HF_ENDPOINT'] = own;
    }
    for (const other of ['owner/net/model.npz', './hf/net.npz', 'https://hf:1/x'])
      expect(hubAddress(other)).to.equal(null);
  });

  it('say what is missing', async () => {
    for (const source of [
      'hf:owner',
      'hf:owner/name',
      'hf:owner//x',
      'hf:o/n/../x',
      'hf:o/n@a@b/x',
      'hf:o/n/x?y',
    ])
      expect((await rejection(openWeights(source), SourceError)).message).to.include('hf:owner/name/file');
  });
});
