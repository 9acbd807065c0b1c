/** Attacks that are publicly known against readers of safetensors, npz and pickles, and what becomes of them here. */
import '@tensorflow/tfjs-backend-cpu';
import { readFile } from 'node:fs/promises';
import { FormatError, Linear, readArray } from '@chaingrad/core';
import { load, openWeights } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { unzipSync, zipSync } from 'fflate';
import { writeNpy } from '../../../packages/weights/src/formats/npy.ts';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { rejection } from '../../support/errors.ts';
import { fixturePath } from '../../support/goldens.ts';
import { floats } from '../support.ts';
import { int, long, pth, tensor, unicode } from './pickle-builder.ts';
import { buildZip } from './zip-builder.ts';

const text = (value: string) => new TextEncoder().encode(value);

/** A safetensors file of any header. */
function safetensors(header: string, values = 0, length = text(header).length): Uint8Array<ArrayBuffer> {
  const json = text(header);
  const out = new Uint8Array(8 + json.length + values);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(json, 8);
  return out;
}

const entry = (dtype: string, shape: number[], ...offsets: number[]) =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });

/** An npy file whose header says another shape than its values have. */
function lyingNpy(shape: string): Uint8Array {
  const bytes = writeNpy(floats([2, 3]));
  const header = new TextDecoder('latin1').decode(bytes.subarray(0, 128)).replace('(2, 3), }', `${shape}, }`);
  const fixed = `${header.trimEnd().slice(0, 127).padEnd(127)}\n`;
  bytes.set(Uint8Array.from(fixed, (c) => c.charCodeAt(0)));
  return bytes;
}

const zipOf = (...contents: Uint8Array[]) =>
  buildZip(contents.map((content, i) => ({ name: `${'abcdefgh'[i]}.npy`, content })));
const bomb = () => {
  const bytes = writeNpz([['a', floats([4_000_000], () => 0)]]);
  return bytes;
};

describe('hostile files: a FormatError that names the file, bounded memory, the model untouched', () => {
  before(() => tf.setBackend('cpu'));

  const attacks: [string, () => Uint8Array<ArrayBuffer>, RegExp][] = [
    // ---- safetensors
    ['a header longer than the file', () => safetensors('{}', 0, 1000), /header of at most 2 bytes/],
    ['a header longer than memory', () => safetensors('{}', 0, 2 ** 53), /header of at most/],
    [
      'a shape whose product overflows',
      () => safetensors(`{"a":${entry('F32', [4194305, 4194305, 211106198978564], 0, 4)}}`, 4),
      /shape that fits in memory/,
    ],
    [
      'a shape whose product wraps to a small number',
      () => safetensors(`{"a":${entry('F32', [2 ** 32, 2 ** 32, 4], 0, 16)}}`, 16),
      /fits in memory/,
    ],
    [
      'offsets that disagree with the shape',
      () => safetensors(`{"a":${entry('F32', [2], 0, 4)}}`, 4),
      /8 bytes for shape \(2\)/,
    ],
    [
      'offsets that overlap',
      () => safetensors(`{"a":${entry('F32', [2], 0, 8)},"b":${entry('F32', [2], 4, 12)}}`, 12),
      /overlaps/,
    ],
    [
      'offsets beyond the file',
      () => safetensors(`{"a":${entry('F32', [200], 0, 800)}}`, 8),
      /800 bytes of values/,
    ],
    ['offsets that run backwards', () => safetensors(`{"a":${entry('F32', [2], 8, 0)}}`, 8), /8 bytes/],
    [
      'a hole between arrays',
      () => safetensors(`{"a":${entry('F32', [1], 0, 4)},"b":${entry('F32', [1], 8, 12)}}`, 12),
      /hole/,
    ],
    [
      'a zero-size range used outside of the file',
      () => safetensors(`{"a":${entry('F32', [0], 99, 99)},"b":${entry('F32', [0], 99, 99)}}`, 0),
      /hole/,
    ],
    ['an unknown dtype', () => safetensors(`{"a":${entry('F8_E5M2', [4], 0, 4)}}`, 4), /element type/],
    ['bad JSON', () => safetensors('{"a":{"dtype":"F32",}}'), /JSON/],
    [
      'JSON of a million brackets',
      () => safetensors(`{"a":${'['.repeat(500_000)}${']'.repeat(500_000)}}`),
      /dtype|JSON/,
    ],
    [
      'the same name twice',
      () => safetensors(`{"a":${entry('F32', [1], 0, 4)},"a":${entry('F32', [1], 0, 4)}}`, 4),
      /twice/,
    ],
    // ---- npz
    [
      'a deflate bomb that claims more than it can',
      () =>
        buildZip([{ name: 'a.npy', content: new Uint8Array(60), deflate: true, claims: { size: 2 ** 31 } }]),
      /can hold/,
    ],
    ['a header of an absurd shape', () => zipOf(lyingNpy('(4194305, 4194305)')), /entry of/],
    [
      'a shape that overflows',
      () => zipOf(lyingNpy('(4194305, 4194305, 211106198978564)')),
      /fits in memory|header/,
    ],
    ['a header with a longer array than the entry', () => zipOf(lyingNpy('(2, 4)')), /entry of 160 bytes/],
    [
      'duplicate names',
      () =>
        buildZip([
          { name: 'a.npy', content: writeNpy(floats([1])) },
          { name: 'a.npy', content: writeNpy(floats([1])) },
        ]),
      /twice/,
    ],
    // ---- pickles
    [
      'a pickle that calls os.system',
      () => pth([0x80, 2], 'cos\nsystem\n', unicode('id'), [0x85], 'R.'),
      /os\.system/,
    ],
    [
      'a pickle that calls eval by STACK_GLOBAL',
      () => pth([0x80, 4, 0x8c, 8], 'builtins', [0x8c, 4], 'eval', [0x93, 0x29], 'R.'),
      /builtins\.eval/,
    ],
    ['a pickle that makes an instance (INST)', () => pth('(S"id"\nios\nsystem\n.'), /operation 0x69/],
    ['a pickle that makes an object (OBJ)', () => pth('(cos\nsystem\no.'), /os\.system/],
    [
      'a pickle with NEWOBJ',
      () => pth([0x80, 2], 'ccollections\nOrderedDict\n)', [0x81], '.'),
      /operation 0x81/,
    ],
    ['a pickle with an extension code', () => pth([0x80, 2, 0x82, 1], '.'), /operation 0x82/],
    [
      'a pickle of torch code that is no tensor',
      () => pth([0x80, 2], 'ctorch.hub\nload\n)R.'),
      /torch\.hub\.load/,
    ],
    ['a pickle that recalls what it never kept', () => pth([0x80, 2], 'h', [7], '.'), /number 7/],
    ['a pickle that pops more than there is', () => pth([0x80, 2], 't.'), /a mark/],
    ['a pickle without end', () => pth([0x80, 2], '}'), /the end/],
    [
      'a pickle with a text longer than memory',
      () => pth([0x80, 2, 0x8d, 255, 255, 255, 255, 255, 255, 255, 127], '.'),
      /bytes at/,
    ],
    ['a tensor beyond its storage', () => pth(...tensor(int(5), int(1))), /view of 4 values/],
    ['a tensor behind its storage', () => pth(...tensor(int(1), int(1), int(4))), /view of 4 values/],
    [
      'a tensor of a billion values by strides of zero',
      () => pth(...tensor(int(1_000_000_000), int(0))),
      /at most 4 values/,
    ],
    [
      'a tensor whose shape overflows',
      () =>
        pth(
          ...tensor(
            [...long(4194305n), ...long(4194305n), ...long(211106198978564n)],
            [...int(0), ...int(0), ...int(0)],
          ),
        ),
      /fits in memory/,
    ],
    ['a tensor of negative strides', () => pth(...tensor(int(2), int(-1))), /offset, shape and strides/],
    [
      'a storage that is longer than its bytes',
      () => pth(...tensor(int(2), int(1), int(0), int(400))),
      /1600 bytes/,
    ],
    // ---- HDF5
    [
      'an HDF5 file of its signature alone',
      () => Uint8Array.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]),
      /HDF5/,
    ],
  ];

  for (const [what, make, message] of attacks) {
    it(what, async () => {
      const net = new Linear(3, 2, { initialW: 1, initialBias: 1 });
      const count = tf.memory().numTensors;
      const file = new File([make()], 'evil.bin');
      const reading = async () => {
        await using opened = await openWeights(file);
        for (const key of opened.keys()) await readArray(opened, key);
      };
      const error = (await rejection(reading())) as FormatError;
      expect(error).to.be.instanceOf(FormatError).with.property('file', 'evil.bin');
      expect(error.message).to.match(message);
      const names = { title: 'any', names: { W: { from: ['a', 'w'] }, b: { from: ['b', 'a'] } } };
      expect(
        await rejection(load(net, file, { match: 'common', onMismatch: 'throw', names })),
      ).to.be.instanceOf(Error);
      expect([...net.W.tensor.dataSync()]).to.deep.equal([1, 1, 1, 1, 1, 1]);
      expect(tf.memory().numTensors).to.equal(count);
    });
  }

  it('a hundred thousand entries: read, and in good time', async () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `"${i}":${entry('F32', [0], 0, 0)}`);
    await using file = await openWeights(safetensors(`{${keys.join(',')}}`));
    expect(file.keys()).to.have.length(100_000);
    const files = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, i) => [`${i}.npy`, new Uint8Array(0)]),
    );
    await using npz = await openWeights(zipSync(files, { level: 0 }) as Uint8Array<ArrayBuffer>, {
      format: 'npz',
    });
    expect(npz.keys()).to.have.length(60_000);
    expect(await rejection(readArray(npz, '7'))).to.be.instanceOf(FormatError);
  });

  it('a bomb that unpacks to what it says is only as large as that, and nothing is unpacked that is not asked for', async () => {
    const bytes = bomb();
    expect(bytes.length).to.be.lessThan(20_000);
    await using file = await openWeights(bytes);
    expect((await file.info('a')).shape).to.deep.equal([4_000_000]);
    const net = new Linear(3, 2);
    expect(await rejection(load(net, bytes, { rename: () => '/a' }))).to.match(/shapes differ/);
  });

  it('a bomb within: content that is longer than it says stops at the length that it says', async () => {
    const packed = unzipSync(bomb(), { filter: () => true })['a.npy']!;
    const bytes = buildZip([{ name: 'a.npy', content: packed, deflate: true, claims: { size: 2000 } }]);
    await using file = await openWeights(bytes);
    expect(await rejection(file.info('a')))
      .to.be.instanceOf(FormatError)
      .and.match(/one of 2000/);
  });

  it('PyTorch: a whole module in place of its state dict', async () => {
    const error = (await rejection(openWeights(fixturePath('weights/refused_module.pth')))) as FormatError;
    expect(error).to.be.instanceOf(FormatError);
    expect(error.message).to.match(/torch\.nn\.modules\.linear\.Linear.*Save model\.state_dict/);
  });

  it('HDF5: a kind of group that is not read says so', async () => {
    const error = await rejection(openWeights(fixturePath('weights/refused_dense.h5')));
    expect(error)
      .to.be.instanceOf(FormatError)
      .and.match(/fractal heap.*default libver/);
  });

  it('every file cut off anywhere', async () => {
    for (const name of [
      'weights/state.pth',
      'weights/legacy.pth',
      'weights/keras.h5',
      'numpy/deflated.npz',
      'numpy/plain.safetensors',
    ]) {
      const bytes = new Uint8Array(await readFile(fixturePath(name)));
      await using whole = await openWeights(new File([bytes], name));
      for (let i = 0; i < 40; i++) {
        const cut = new File([bytes.subarray(0, Math.floor((bytes.length * i) / 40))], 'cut.bin');
        const reading = async () => {
          await using file = await openWeights(cut, { format: whole.format });
          for (const key of whole.keys()) await readArray(file, key);
        };
        const error = await rejection(reading());
        expect((error as Error).message, `${name} at ${i}/40`).to.match(/^cut\.bin/);
      }
    }
  });
});
