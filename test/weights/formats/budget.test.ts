/** What a file costs is bounded by its size: small files that would unfold to any time or memory are refused by name. */
import '@tensorflow/tfjs-backend-cpu';
import { FormatError, readArray } from '@chaingrad/core';
import { openWeights } from '@chaingrad/weights';
import { expect } from 'chai';
import { brief } from '../../../packages/core/src/arrays/format-error.ts';
import { duplicateKey } from '../../../packages/weights/src/formats/json-keys.ts';
import { writeNpy } from '../../../packages/weights/src/formats/npy.ts';
import { PytorchWeights } from '../../../packages/weights/src/formats/pytorch.ts';
import type { RandomAccess } from '../../../packages/weights/src/sources/random-access.ts';
import { openRandomAccess } from '../../../packages/weights/src/sources/random-access.ts';
import { rejection } from '../../support/errors.ts';
import { floats } from '../support.ts';
import { buildFlatbuffer, bytes, int8, int32s, table, tables, text, uint32 } from './flatbuffer-builder.ts';
import {
  buildHdf5,
  contiguous,
  continuation,
  dataset,
  filters,
  header,
  link,
  u32,
  u64,
} from './hdf5-builder.ts';
import { int, pth, storage, unicode } from './pickle-builder.ts';
import { buildZip } from './zip-builder.ts';

/** An npy file of a header and zeros. */
function zeros(descr: string, shape: string, length: number, fortran = 'False'): Uint8Array {
  const dict = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`.padEnd(117);
  const out = new Uint8Array(128 + length);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
  out.set(new TextEncoder().encode(`${dict}\n`), 10);
  return out;
}

const read = async (bytes: Uint8Array<ArrayBuffer>) => {
  await using file = await openWeights(new File([bytes], 'evil.bin'));
  for (const key of file.keys()) await readArray(file, key);
};

const laughs = () => {
  const levels = Array.from({ length: 40 }, (_, i) => ['(', 'h', [i], 'h', [i], 't', 'q', [i + 1]]).flat();
  return [[0x80, 2], ']', 'q', [0], ...levels] as (string | number[])[];
};

/** A list that goes on after a tensor was made of it. */
const growing = (first: number[], then: number[], stride: number[]) => [
  [0x80, 2],
  '}',
  unicode('w'),
  'ctorch._utils\n_rebuild_tensor_v2\n(',
  ...storage(4),
  int(0),
  ']q\x09',
  first,
  'a]',
  stride,
  'a',
  [0x89],
  'ccollections\nOrderedDict\n)RtRsh\x09',
  then,
  'a0.',
];

const overlapping = () =>
  buildHdf5(([, block = 0]) => {
    const length = 1 << 14;
    const more = Array.from({ length: 400 }, (_, i) => continuation(block + 8 * i, length - 8 * i));
    return [header(...more), new Array<number>(length).fill(0)];
  });

const chunked = [3, 2, 2, ...u64(0), ...u32(4), ...u32(4)];

describe('the cost of a hostile file', () => {
  const attacks: [string, () => Uint8Array<ArrayBuffer>, RegExp][] = [
    [
      'texts of npz',
      () => buildZip([{ name: 'a.npy', content: zeros('<U1', '(2097152,)', 1 << 23), deflate: true }]),
      /texts of at most/,
    ],
    [
      'texts of npz in Fortran order',
      () =>
        buildZip([{ name: 'a.npy', content: zeros('<U1', '(2, 1048576)', 1 << 23, 'True'), deflate: true }]),
      /texts of at most/,
    ],
    [
      'texts about an npz, each of them small',
      () =>
        buildZip(
          Array.from({ length: 8 }, (_, i) => ({
            name: `chaingrad.${i}.npy`,
            content: zeros('<U65536', '()', 1 << 18),
            deflate: true,
          })),
        ),
      /at most \d+ bytes, got 262272/,
    ],
    [
      'entries that an extra field pushes into each other',
      () =>
        buildZip([
          { name: 'a.npy', content: writeNpy(floats([4])), localExtra: 40 },
          { name: 'b.npy', content: writeNpy(floats([4])) },
        ]),
      /of content, got room for/,
    ],
    ['HDF5 continuations that overlap', overlapping, /lie apart/],
    [
      'HDF5 filters without number',
      () => buildHdf5(([, at = 0]) => [header(link('a', at)), dataset(4, chunked, filters(2, 2, 2, 2))]),
      /every HDF5 filter once, got 2, 2, 2, 2/,
    ],
    [
      'HDF5 filters in several messages',
      () =>
        buildHdf5(([, at = 0]) => [
          header(link('a', at)),
          dataset(4, chunked, filters(2), filters(1), filters(2)),
        ]),
      /every HDF5 filter once/,
    ],
    [
      'HDF5 values beyond the end',
      () => buildHdf5(([, at = 0]) => [header(link('a', at)), dataset(2, contiguous(1_000_000, 8))]),
      /8 bytes at 1000000, got a file of/,
    ],
    ['a pickle whose error would unfold a shared graph', () => pth(...laughs(), 'Q.'), /a storage with type/],
    [
      'a pickle whose tensor would unfold a shared graph',
      () => pth([0x80, 2], 'ctorch._utils\n_rebuild_tensor_v2\n', ...laughs().slice(1), [0x85], 'R.'),
      /evil\.bin/,
    ],
    [
      'a pickle that copies one list again and again',
      () =>
        pth(
          [0x80, 2],
          '](',
          ...Array.from({ length: 4000 }, () => [0x4e, 0x4e, 0x86]),
          'eq',
          [0],
          '0',
          ...Array.from({ length: 4000 }, () => 'ccollections\nOrderedDict\nh\0\x85R0'),
          'N.',
        ),
      /steps/,
    ],
    [
      'TFLite scales that are no numbers',
      () =>
        buildFlatbuffer('TFL3', {
          2: tables({
            0: tables({
              0: int32s(4),
              1: int8(9),
              2: uint32(1),
              3: text('a'),
              4: table({ 2: int32s(0x7fc00000), 3: int32s() }),
            }),
          }),
          4: tables({}, { 0: bytes(new Uint8Array(4)) }),
        }),
      /finite scales, got NaN/,
    ],
  ];

  for (const [what, make, message] of attacks) {
    it(`${what}: a FormatError with a short message`, async () => {
      const error = await rejection(read(make()), FormatError);
      expect(error.message).to.match(message);
      expect(error.message.length).to.be.lessThan(2000);
    });
  }

  it('PyTorch: what was checked is what is used', async () => {
    for (const [first, then, stride] of [
      [int(2), int(2), int(1)],
      [int(2), int(300_000_000), int(0)],
    ] as const) {
      await using file = await openWeights(pth(...growing(first, then, stride)));
      expect((await file.info('w')).shape).to.deep.equal([2]);
      expect((await readArray(file, 'w')).data).to.have.length(2);
    }
  });

  it('PyTorch: two hundred views read their storage about once, tens of thousands are refused', async () => {
    const views = (count: number) =>
      pth(
        [0x80, 2],
        '}',
        ...Array.from({ length: count }, (_, i) => [unicode(`w${i}`), ...tensorAt(i % 4), 's']).flat(),
        '.',
      );
    const inner = await openRandomAccess(views(200));
    let read = 0;
    const counting: RandomAccess = {
      name: inner.name,
      size: inner.size,
      read: (start, end) => {
        read += end - start;
        return inner.read(start, end);
      },
      close: () => inner.close(),
      [Symbol.asyncDispose]: () => inner.close(),
    };
    const file = await PytorchWeights.open(counting);
    read = 0;
    for (const key of file.keys()) expect((await readArray(file, key)).data).to.have.length(1);
    // 16 bytes to compare the checksum, then 4 of each view; and the local header before each.
    expect(read).to.be.lessThan(200 * 64);
    const pickle = Array.from({ length: 75_000 }, (_, i) => [unicode(`${i}`), ...tensorAt(0, 4), 's']).flat(
      1,
    );
    const codes = pickle.flatMap((part) =>
      typeof part === 'string' ? [...Buffer.from(part, 'latin1')] : part,
    );
    const wide = pth([0x80, 2], '}', codes, '.');
    expect(await rejection(openWeights(wide), FormatError)).to.match(/values in all/);
  });

  it('HDF5: a header that many links lead to is read once', async () => {
    // Read for each link, these would be ninety megabytes of a file of a tenth of one.
    const names = Array.from({ length: 1500 }, (_, i) => `k${i}`);
    const padding = new Array<number>(60_000).fill(0);
    const bytes = buildHdf5(([, at = 0]) => [
      header(...names.map((name) => link(name, at))),
      dataset(0, contiguous(0, 0), padding),
    ]);
    await using file = await openWeights(bytes);
    expect(file.keys()).to.deep.equal(names);
    for (const key of names) expect((await file.info(key)).shape).to.deep.equal([0]);
  });

  it('JSON with a text of megabytes', () => {
    const long = '\\n"'.repeat(3_000_000);
    expect(duplicateKey(JSON.stringify({ a: long, b: { a: 1 } }))).to.equal(null);
    expect(duplicateKey(`{"${'k'.repeat(9_000_000)}":1,"a\\\\":{"a":"\\\\"},"a\\\\" :2}`)).to.equal('a\\');
  });

  it('a text of megabytes as name or metadata of safetensors', async () => {
    const name = 'k\\n'.repeat(2_000_000);
    const entry = { dtype: 'F32', shape: [0], data_offsets: [0, 0] };
    const json = new TextEncoder().encode(JSON.stringify({ __metadata__: { note: name }, [name]: entry }));
    const bytes = new Uint8Array(8 + json.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
    bytes.set(json, 8);
    await using file = await openWeights(bytes);
    expect(file.keys()).to.deep.equal([name]);
    expect(file.metadata.get('note')).to.equal(name);
  });

  it('a value in a message is the beginning of its JSON, however it is made', () => {
    expect(brief({ a: [1, 'x', null], b: undefined })).to.equal('{"a":[1,"x",null],"b":null}');
    let shared: unknown = [];
    for (let i = 0; i < 60; i++) shared = [shared, shared];
    expect(brief(shared))
      .to.match(/^\[\[\[/)
      .and.have.length.at.most(200);
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(brief(deep)).to.equal('[[[[[[[[...]]]]]]]]');
    const circle: unknown[] = [];
    circle.push(circle);
    expect(brief(circle)).to.contain('...');
    expect(brief(new Map([['k', 'v'.repeat(1e6)]]))).to.have.length(200);
    expect(
      new FormatError({ file: 'f', key: 'k'.repeat(1e6) }, 'x'.repeat(1e6), 'y').message.length,
    ).to.be.lessThan(2000);
  });

  const tensorAt = (offset: number, length = 1) => [
    'ctorch._utils\n_rebuild_tensor_v2\n(',
    ...storage(4),
    int(offset),
    '(',
    int(length),
    't(',
    int(1),
    't',
    [0x89],
    'NtR',
  ];
});
