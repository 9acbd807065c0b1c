/** PyTorch's files as people have them: a state dict somewhere in a checkpoint, with what training leaves beside it. */
import { FormatError, readArray } from '@chaingrad/core';
import { openWeights } from '@chaingrad/weights';
import { expect } from 'chai';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { writeSafetensors } from '../../../packages/weights/src/formats/safetensors.ts';
import { rejection } from '../../support/errors.ts';
import { floats } from '../support.ts';
import { int, pth, storage, unicode } from './pickle-builder.ts';

type Code = string | number[];

const one: Code[] = [
  'ctorch._utils\n_rebuild_tensor_v2\n(',
  ...storage(4),
  int(1),
  '(',
  int(2),
  't(',
  int(1),
  't',
  [0x89],
  'NtR',
];
const dict = (entries: Readonly<Record<string, readonly Code[]>>): Code[] => [
  '}',
  ...Object.entries(entries).flatMap(([key, value]) => [unicode(key), ...value, 's']),
];
const file = (value: readonly Code[]) => pth([0x80, 2], ...value, '.');
const keysOf = async (value: readonly Code[]) => {
  await using opened = await openWeights(file(value));
  for (const key of opened.keys()) expect((await readArray(opened, key)).data).to.have.length(2);
  return opened.keys();
};

describe("PyTorch's checkpoints", () => {
  const state = dict({ 'conv.weight': one, 'conv.bias': one });
  const names = ['conv.weight', 'conv.bias'];

  it('give their state dict, whatever tensors lie beside it', async () => {
    for (const name of ['state_dict', 'model_state_dict', 'model', 'net', 'params']) {
      expect(await keysOf(dict({ best_acc1: one, [name]: state, epoch: [int(3)] }))).to.deep.equal(names);
    }
    expect(
      await keysOf(dict({ best: one, model: dict({ step: [int(1)], state_dict: state }) })),
    ).to.deep.equal(names);
    expect(await keysOf(state)).to.deep.equal(names);
    expect(await rejection(openWeights(file(dict({ epoch: [int(3)], lr: [int(1)] }))), FormatError)).to.match(
      /a dictionary of "epoch", "lr"/,
    );
  });

  it('may hold what the loader of PyTorch allows: counters, devices, element types, sets, parameters with state', async () => {
    const beside: Record<string, readonly Code[]> = {
      counter: ['ccollections\nCounter\n', ...dict({ a: [int(1)] }), [0x85], 'R'],
      device: ['ctorch\ndevice\n', unicode('cpu'), [0x85], 'R'],
      dtype: ['ctorch\nbfloat16\n'],
      set: ['c__builtin__\nset\n]', [0x85], 'R'],
      bytes: ['c_codecs\nencode\n', unicode('x'), unicode('latin1'), [0x86], 'R'],
    };
    expect(await keysOf(dict({ ...beside, state_dict: state }))).to.deep.equal(names);
    const parameter = ['ctorch._utils\n_rebuild_parameter_with_state\n(', ...one, [0x88], 'N}tR'];
    const subclass = [
      `ctorch._tensor\n_rebuild_from_type_v2\n(${(one[0] as string).slice(0, -1)}`,
      'ctorch\nTensor\n(',
      ...one.slice(1, -1),
      't}tR',
    ];
    expect(await keysOf(dict({ a: parameter, b: subclass, c: [...one, '}', 'b'] }))).to.deep.equal([
      'a',
      'b',
      'c',
    ]);
    for (const name of [
      'os\nsystem',
      'builtins\ngetattr',
      'torch\nload',
      'torch\nconstructor',
      'collections\ndefaultdict',
    ]) {
      expect(await rejection(openWeights(file([`c${name}\n`])), FormatError)).to.match(
        /could be any program/,
      );
    }
    const itself = ['ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nN)}tR'];
    expect(await rejection(openWeights(file(itself)), FormatError)).to.match(
      /a function that makes a tensor/,
    );
  });

  it('of a wrapped model are read without its prefix, which is told', async () => {
    const said: unknown[] = [];
    const { warn } = console;
    console.warn = (text: unknown) => said.push(text);
    try {
      expect(
        await keysOf(dict({ 'module._orig_mod.a.weight': one, 'module._orig_mod.b': one })),
      ).to.deep.equal(['a.weight', 'b']);
      expect(said).to.have.length(1);
      expect(said[0]).to.match(/every name begins with 'module\._orig_mod\.'/);
      expect(await keysOf(dict({ 'module.a': one, b: one }))).to.deep.equal(['module.a', 'b']);
      expect(said).to.have.length(1);
      for (const format of ['npz', 'safetensors'] as const) {
        const write = format === 'npz' ? writeNpz : writeSafetensors;
        await using wrapped = await openWeights(
          write([
            ['_orig_mod.module.a', floats([2])],
            ['_orig_mod.module.b.weight', floats([3])],
          ]),
        );
        expect(wrapped).to.include({ format });
        expect(wrapped.keys()).to.deep.equal(['a', 'b.weight']);
        expect(wrapped.has('_orig_mod.module.a')).to.equal(false);
        expect((await readArray(wrapped, 'b.weight')).shape).to.deep.equal([3]);
      }
      expect(said).to.have.length(3);
    } finally {
      console.warn = warn;
    }
  });

  it('have names that are plain names', async () => {
    expect(await keysOf(dict({ ['__proto__']: one, constructor: one }))).to.include('constructor');
    expect(await keysOf(['}', unicode('__proto__'), ...one, 's'])).to.deep.equal(['__proto__']);
  });

  it('may have element types without a storage class, as bytes of a storage without type', async () => {
    const typed = (type: string, count: number, bytes = 16): Code[] => [
      'ctorch._utils\n_rebuild_tensor_v3\n((',
      unicode('storage'),
      'ctorch.storage\nUntypedStorage\n',
      unicode('0'),
      unicode('cpu'),
      int(bytes),
      'tQ',
      int(1),
      '(',
      int(count),
      't(',
      int(1),
      't',
      [0x89],
      'ccollections\nOrderedDict\n)R',
      `ctorch\n${type}\n`,
      'tR',
    ];
    await using opened = await openWeights(file(dict({ a: typed('uint16', 7), b: typed('uint64', 1) })));
    expect(await opened.info('a')).to.deep.equal({ shape: [7], dtype: 'uint16' });
    expect(await opened.info('b')).to.deep.equal({ shape: [1], dtype: 'uint64' });
    expect((await readArray(opened, 'a')).data).to.have.length(7);
    for (const [code, message] of [
      [typed('uint16', 8), /a view of 8 values/],
      [typed('float8_e4m3fn', 2), /of type uint16, uint32, uint64, got .*float8_e4m3fn/],
      [typed('uint64', 1, 15), /whole values of uint64/],
    ] as const) {
      expect(await rejection(openWeights(file(dict({ a: code }))), FormatError)).to.match(message);
    }
  });
});
