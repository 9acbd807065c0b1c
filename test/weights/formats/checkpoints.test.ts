/** PyTorch's files as people have them: a state dict somewhere in a checkpoint, with what training leaves beside it. */
import { FormatError, readArray } from '@chaingrad/core';
import { openWeights } from '@chaingrad/weights';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
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
      expect(said).to.have.length(2);
      expect(said[0]).to.match(/every name begins with 'module\.'/);
      expect(await keysOf(dict({ 'module.a': one, b: one }))).to.deep.equal(['module.a', 'b']);
      expect(said).to.have.length(2);
    } finally {
      console.warn = warn;
    }
  });

  it('have names that are plain names', async () => {
    expect(await keysOf(dict({ ['__proto__']: one, constructor: one }))).to.include('constructor');
    expect(await keysOf(['}', unicode('__proto__'), ...one, 's'])).to.deep.equal(['__proto__']);
  });
});
