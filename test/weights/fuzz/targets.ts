/** What is fuzzed: every reader with sound files to damage, and places inside of them that a checksum would protect. */
import { readFileSync } from 'node:fs';
import { readArray } from '@chaingrad/core';
import { openWeights, readTflite, type WeightFormat } from '@chaingrad/weights';
import { unzipSync, zipSync } from 'fflate';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { writeSafetensors } from '../../../packages/weights/src/formats/safetensors.ts';
import { readTfliteConstants } from '../../../packages/weights/src/formats/tflite.ts';
import { fixturePath } from '../../support/goldens.ts';
import {
  buildFlatbuffer,
  bytes as data,
  int8,
  int32,
  int32s,
  table,
  tables,
  text,
  uint8,
  uint32,
} from '../formats/flatbuffer-builder.ts';
import { floats } from '../support.ts';
import { join, mutate } from './mutate.ts';

export interface FuzzTarget {
  readonly name: string;
  readonly seeds: readonly Uint8Array<ArrayBuffer>[];
  /** Damages a seed. */
  readonly damage: typeof mutate;
  /** Reads everything. @returns how many bytes of values came out. */
  read(bytes: Uint8Array<ArrayBuffer>): Promise<number>;
}

const fixture = (name: string) => new Uint8Array(readFileSync(fixturePath(name)));

async function readAll(bytes: Uint8Array<ArrayBuffer>, format: WeightFormat): Promise<number> {
  await using file = await openWeights(bytes, { format });
  let total = 0;
  for (const key of file.keys()) {
    await file.info(key);
    for await (const { data } of file.chunks(key))
      if (data !== null && 'byteLength' in data) total += data.byteLength;
    await readArray(file, key);
  }
  return total;
}

/** Damages one entry of a zip archive and packs it again, with the right checksums. */
const insideZip =
  (pattern: RegExp): typeof mutate =>
  (bytes, random, other) => {
    if (random() < 0.3) return mutate(bytes, random, other);
    const entries = unzipSync(bytes);
    const names = Object.keys(entries).filter((name) => pattern.test(name));
    const name = names[Math.floor(random() * names.length)]!;
    entries[name] = mutate(entries[name]!, random);
    return zipSync(entries, { level: random() < 0.5 ? 0 : 1 }) as Uint8Array<ArrayBuffer>;
  };

/** Damages the JSON, and gives the header its right length again. */
const insideSafetensors: typeof mutate = (bytes, random, other) => {
  if (random() < 0.3) return mutate(bytes, random, other);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = mutate(bytes.subarray(8, 8 + length), random);
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(header.length), true);
  return join(size, header, bytes.subarray(8 + length));
};

const npz = ['stored', 'deflated', 'streamed'].map((name) => fixture(`numpy/${name}.npz`));
const chainer = ['nested_persistent', 'uninitialised'].map((name) => fixture(`goldens/npz/${name}.npz`));
const npzSeeds = [
  ...npz,
  ...chainer,
  writeNpz([
    ['a/W', floats([2, 3])],
    ['n', { shape: [], dtype: 'object-null', data: null }],
  ]),
];
const safetensorsSeeds = [
  fixture('numpy/model.safetensors'),
  fixture('numpy/plain.safetensors'),
  writeSafetensors(
    [
      ['W', floats([2, 3])],
      ['e', floats([0])],
    ],
    { note: 'x' },
  ),
  writeSafetensors([
    ['W', { shape: [2, 3], dtype: 'int8', data: Int8Array.of(1, -2, 3, -4, 5, -127) }],
    ['W_scale', floats([2])],
  ]),
];
const tinyShard = new Uint8Array(64).fill(7);
const manifest = new TextEncoder().encode(
  JSON.stringify([
    {
      paths: ['a.bin'],
      weights: [
        { name: 'a', shape: [2, 3], dtype: 'float32' },
        { name: 'b', shape: [8], dtype: 'float32', quantization: { dtype: 'uint8', scale: 0.1, min: -1 } },
        { name: 'c', shape: [8], dtype: 'float32', quantization: { dtype: 'float16' } },
        { name: 'd', shape: [8], dtype: 'int32', quantization: { dtype: 'uint16', scale: 1, min: 0 } },
      ],
    },
  ]),
);

/** A convolution with float16 weights behind a DEQUANTIZE op, and a bias. */
export const smallTflite = (): Uint8Array<ArrayBuffer> => {
  const tensor = (name: string, type: number, buffer: number, ...shape: number[]) => ({
    0: int32s(...shape),
    1: int8(type),
    2: uint32(buffer),
    3: text(name),
  });
  return buildFlatbuffer('TFL3', {
    1: tables({ 0: int8(3), 3: int32(3) }, { 0: int8(6), 3: int32(6) }),
    2: tables({
      0: tables(
        tensor('image', 0, 0, 1, 4, 4, 2),
        tensor('W16', 1, 1, 3, 1, 1, 2),
        tensor('W', 0, 0, 3, 1, 1, 2),
        tensor('b', 0, 2, 3),
        tensor('conv', 0, 0, 1, 4, 4, 3),
      ),
      1: int32s(0),
      2: int32s(4),
      3: tables(
        { 0: uint32(1), 1: int32s(1), 2: int32s(2) },
        {
          0: uint32(0),
          1: int32s(0, 2, 3),
          2: int32s(4),
          3: uint8(1),
          4: table({ 0: int8(1), 1: int32(1), 2: int32(1) }),
        },
      ),
    }),
    3: text('small'),
    4: tables({}, { 0: data(new Uint8Array(12).fill(60)) }, { 0: data(new Uint8Array(12)) }),
  });
};

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'npz',
    seeds: npzSeeds,
    damage: insideZip(/\.npy$/),
    read: (bytes) => readAll(bytes, 'npz'),
  },
  {
    name: 'safetensors',
    seeds: safetensorsSeeds,
    damage: insideSafetensors,
    read: (bytes) => readAll(bytes, 'safetensors'),
  },
  {
    name: 'pytorch (zip)',
    seeds: ['state.pth', 'checkpoint.pt'].map((name) => fixture(`weights/${name}`)),
    damage: insideZip(/data\.pkl$/),
    read: (bytes) => readAll(bytes, 'pytorch'),
  },
  {
    name: 'pytorch (legacy)',
    seeds: [fixture('weights/legacy.pth')],
    damage: mutate,
    read: (bytes) => readAll(bytes, 'pytorch'),
  },
  {
    name: 'hdf5',
    seeds: ['keras.h5', 'latest.h5', 'layouts_v110.h5', 'small_chunks.h5'].map((name) =>
      fixture(`weights/${name}`),
    ),
    damage: mutate,
    read: (bytes) => readAll(bytes, 'hdf5'),
  },
  {
    name: 'tfjs manifest',
    seeds: [manifest as Uint8Array<ArrayBuffer>],
    damage: mutate,
    read: async (bytes) => {
      await using file = await openWeights(
        [new File([bytes], 'model.json'), new File([tinyShard], 'a.bin')],
        {
          format: 'tfjs',
        },
      );
      return file.keys().length;
    },
  },
  {
    name: 'tflite',
    seeds: [smallTflite()],
    damage: mutate,
    read: async (bytes) => {
      readTfliteConstants(bytes);
      return readTflite(bytes).convolutions.length;
    },
  },
];
