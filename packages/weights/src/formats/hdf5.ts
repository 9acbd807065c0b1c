/**
 * HDF5 as weights are kept in it (Keras): groups, and datasets of numbers, contiguous or in chunks.
 *
 * A reader of its own because those of npm do not fit: jsfive holds the whole file, makes a JavaScript number of each
 * value and follows what a hostile file says without end; h5wasm is 4 MB and copies the file into its memory.
 * Format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
 */
import {
  type ArrayInfo,
  type BinaryDtype,
  elementCount,
  FormatError,
  type FormatPlace,
  itemSizes,
  type NamedArray,
  UnknownNameError,
} from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import { readPieces } from '../sources/read-pieces.ts';
import { readChunk } from './hdf5-chunks.ts';
import {
  checkFilters,
  type Filter,
  type Layout,
  parseDataspace,
  parseDatatype,
  parseFill,
  parseFilters,
  parseLayout,
} from './hdf5-messages.ts';
import { Hdf5Reader, undefinedAddress } from './hdf5-reader.ts';
import { numbers } from './pieces.ts';
import { noMetadata, type WeightFile } from './weight-file.ts';

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

export const isHdf5 = (start: Uint8Array): boolean => signature.every((byte, i) => start[i] === byte);

interface Dataset {
  readonly shape: readonly number[];
  readonly dtype: BinaryDtype;
  readonly littleEndian: boolean;
  readonly layout: Layout;
  readonly filters: readonly Filter[];
  /** The bytes of a value that was never written; null for zero. */
  readonly fill: Uint8Array | null;
}

const maxDepth = 32;

export class Hdf5Weights implements WeightFile {
  readonly format = 'hdf5';
  readonly metadata = noMetadata;
  readonly #reader: Hdf5Reader;
  readonly #addresses: ReadonlyMap<string, number>;
  readonly #datasets = new Map<string, Promise<Dataset>>();

  private constructor(reader: Hdf5Reader, addresses: ReadonlyMap<string, number>) {
    this.#reader = reader;
    this.#addresses = addresses;
  }

  /** @throws FormatError when the tree of groups is damaged, or of a kind that is not read. */
  static async open(access: RandomAccess): Promise<Hdf5Weights> {
    const reader = new Hdf5Reader(access);
    const addresses = new Map<string, number>();
    await walk(reader, await reader.root(), '', addresses, new Set());
    return new Hdf5Weights(reader, addresses);
  }

  get file(): string {
    return this.#reader.access.name;
  }

  keys(): string[] {
    return [...this.#addresses.keys()];
  }

  has(key: string): boolean {
    return this.#addresses.has(key);
  }

  async info(key: string): Promise<ArrayInfo> {
    const { shape, dtype } = await this.#dataset(key);
    return { shape, dtype };
  }

  async *chunks(key: string): AsyncGenerator<NamedArray> {
    const dataset = await this.#dataset(key);
    yield* numbers(this.#bytes(dataset, { file: this.file, key }), dataset.dtype, dataset.littleEndian);
  }

  close(): Promise<void> {
    return this.#reader.access.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #dataset(key: string): Promise<Dataset> {
    const address = this.#addresses.get(key);
    if (address === undefined) throw new UnknownNameError(this.file, key);
    let dataset = this.#datasets.get(key);
    if (dataset === undefined) {
      dataset = readDataset(this.#reader, address, { file: this.file, key });
      this.#datasets.set(key, dataset);
    }
    return dataset;
  }

  async *#bytes(dataset: Dataset, place: FormatPlace): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { layout, shape, dtype, fill } = dataset;
    const length = elementCount(shape, place) * itemSizes[dtype];
    if (layout.kind === 'compact') return yield layout.data;
    if (layout.kind === 'contiguous' && layout.address !== undefinedAddress) {
      const start = this.#reader.base + layout.address;
      return yield* readPieces(this.#reader.access, start, start + length);
    }
    const out = new Uint8Array(length);
    if (fill?.some((byte) => byte !== 0)) for (let at = 0; at < length; at += fill.length) out.set(fill, at);
    if (layout.kind === 'chunked') {
      const seen = new Set<number>();
      let stored = 0;
      for await (const chunk of this.#reader.chunks(layout, shape, place)) {
        const position = chunk.offset.reduce((at, i, axis) => at * (shape[axis]! + 1) + i, 0);
        if (seen.has(position))
          throw new FormatError(place, 'every chunk once', `that at (${chunk.offset}) twice`);
        seen.add(position);
        stored += chunk.size;
        if (stored > this.#reader.access.size) {
          throw new FormatError(place, 'chunks that lie apart', `${stored} bytes of them`);
        }
        await readChunk(this.#reader, chunk, { ...dataset, layout }, out, place);
      }
    }
    yield out;
  }
}

/** Collects the datasets below a group, by path. */
async function walk(
  reader: Hdf5Reader,
  address: number,
  path: string,
  addresses: Map<string, number>,
  seen: Set<number>,
  depth = 0,
): Promise<void> {
  const place = { file: reader.access.name, key: path };
  if (depth > maxDepth || seen.has(address)) {
    throw new FormatError(place, `a tree of at most ${maxDepth} levels`, 'a group within itself, or twice');
  }
  seen.add(address);
  for (const [name, child] of await reader.links(address, place)) {
    const key = path === '' ? name : `${path}/${name}`;
    reader.spend(key.length, { ...place, key });
    const kind = await reader.kind(child, { ...place, key });
    if (kind === 'group') await walk(reader, child, key, addresses, seen, depth + 1);
    // Texts, references and the like are no weights.
    else if (kind === 'numbers') addresses.set(key, child);
  }
}

async function readDataset(reader: Hdf5Reader, address: number, place: FormatPlace): Promise<Dataset> {
  const messages = await reader.messages(address, place);
  const need = (type: number, what: string) => {
    const found = messages.find((message) => message.type === type);
    if (found === undefined) throw new FormatError(place, `a dataset with ${what}`, 'none');
    return found.data;
  };
  if (messages.some(({ type }) => type === 7)) {
    const advice = 'They could be any files of this machine: write it without external storage.';
    throw new FormatError(place, 'values in the file itself', 'values in others', advice);
  }
  const shape = parseDataspace(need(1, 'a shape'), place);
  const type = parseDatatype(need(3, 'an element type'), place);
  if (type === null)
    throw new FormatError(place, 'integers or floats', 'another element type', 'Ignore this name.');
  const layout = parseLayout(need(8, 'a layout'), place);
  const filters = checkFilters(
    messages.filter((message) => message.type === 11).flatMap(({ data }) => parseFilters(data, place)),
    place,
  );
  const fillMessage = messages.find((message) => message.type === 5);
  const fill = fillMessage === undefined ? null : parseFill(fillMessage.data, itemSizes[type.dtype], place);
  const length = elementCount(shape, place) * itemSizes[type.dtype];
  // What was never written needs no bytes in the file; a large part of an array of weights never is.
  const most = Math.max(1 << 26, 1032 * reader.access.size);
  const stored =
    layout.kind === 'compact' ? layout.data.length : layout.kind === 'contiguous' ? layout.size : null;
  const unwritten = layout.kind === 'contiguous' && layout.address === undefinedAddress;
  if (length > most || (stored !== null && !unwritten && stored !== length)) {
    const got = length > most ? `a file of ${reader.access.size}` : `${stored}`;
    throw new FormatError(place, `${length} bytes for shape (${shape.join(', ')})`, got);
  }
  if (
    layout.kind === 'contiguous' &&
    !unwritten &&
    reader.base + layout.address + length > reader.access.size
  ) {
    throw new FormatError(place, `${length} bytes at ${layout.address}`, `a file of ${reader.access.size}`);
  }
  if (layout.kind === 'chunked' && layout.dims.length !== shape.length) {
    throw new FormatError(place, `chunks of rank ${shape.length}`, `${layout.dims.length}`);
  }
  if (layout.kind === 'chunked' && layout.itemSize !== itemSizes[type.dtype]) {
    throw new FormatError(place, `chunks of items of ${itemSizes[type.dtype]} bytes`, `${layout.itemSize}`);
  }
  if (layout.kind === 'chunked') {
    const chunks = shape.reduce((n, dim, axis) => n * Math.ceil(dim / layout.dims[axis]!), 1);
    const unpacked = chunks * layout.dims.reduce((a, b) => a * b, layout.itemSize);
    if (unpacked > most) throw new FormatError(place, `chunks of at most ${most} bytes`, `${unpacked}`);
  }
  return { shape, ...type, layout, filters, fill };
}
