/** The blocks of an HDF5 file: superblock, object headers, groups, lists of chunks. */
import { FormatError, type FormatPlace } from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import { Cursor, type Layout, parseDatatype } from './hdf5-messages.ts';

/** "No address", as the format has it. */
export const undefinedAddress = Number.POSITIVE_INFINITY;

export interface Message {
  readonly type: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** A chunk of a dataset in the file. */
export interface ChunkPlace {
  /** Its first element in the dataset. */
  readonly offset: readonly number[];
  readonly address: number;
  /** Its bytes in the file. */
  readonly size: number;
  /** Bit i set: filter i was left out. */
  readonly mask: number;
}

/** Blocks of metadata are small; a larger one is a lie about memory. */
const maxBlock = 1 << 24;
/** How often each byte of a file may be read as metadata: blocks lie apart, and each is read once or twice. */
const maxReadings = 4;
/** What a block costs beside its length. */
const blockCost = 16;
/** The longest name of a link. */
const maxName = 1 << 10;
const pageLength = 1 << 14;
/** Types of messages that describe a dataset or a group; others are not kept. */
const knownTypes = new Set([1, 2, 3, 5, 6, 7, 8, 11, 0x11]);

export class Hdf5Reader {
  /** What every address counts from. */
  base = 0;
  #budget: number;
  /** Headers by their addresses: several links may lead to one. */
  readonly #headers = new Map<number, Promise<readonly Message[]>>();
  #page: { start: number; bytes: Uint8Array<ArrayBuffer> } = { start: 0, bytes: new Uint8Array(0) };

  constructor(readonly access: RandomAccess) {
    this.#budget = this.#wholeBudget();
  }

  #wholeBudget(): number {
    return maxReadings * this.access.size + (1 << 20);
  }

  /**
   * Counts metadata that are read, and names that are made of them: blocks that overlap would let a small file unfold to any size.
   * @throws FormatError when far more was used than the file has.
   */
  spend(length: number, place: FormatPlace): void {
    this.#budget -= length;
    if (this.#budget < 0)
      throw new FormatError(place, 'HDF5 metadata that lie apart', 'the same over and over');
  }

  /** Reads the superblock. @returns the address of the root group. */
  async root(): Promise<number> {
    const place = { file: this.access.name };
    const cursor = await this.block(0, Math.min(96, this.access.size), place);
    cursor.skip(8);
    const version = cursor.number(1);
    if (version > 3) throw new FormatError(place, 'an HDF5 superblock of version 0 to 3', `${version}`);
    if (version < 2) cursor.skip(4);
    const [offsets, lengths] = [cursor.number(1), cursor.number(1)];
    if (offsets !== 8 || lengths !== 8) {
      throw new FormatError(
        place,
        'HDF5 addresses of 8 bytes',
        `${offsets} and ${lengths}`,
        'Write it with h5py.',
      );
    }
    cursor.skip(version < 2 ? 9 + (version === 1 ? 4 : 0) : 1);
    const base = cursor.number(8);
    // The address of the free space or of the extension, the end of the file, that of a driver's block.
    cursor.skip(version < 2 ? 32 : 16);
    const root = cursor.number(8);
    if (base >= this.access.size) throw new FormatError(place, `a base within the file`, `${base}`);
    this.base = base;
    return root;
  }

  /** A block of metadata. @throws FormatError when it is not within the file. */
  async block(address: number, length: number, place: FormatPlace): Promise<Cursor> {
    const start = this.base + address;
    if (!(start + length <= this.access.size) || length > maxBlock) {
      throw new FormatError(
        place,
        `${length} bytes of HDF5 metadata at ${address}`,
        `a file of ${this.access.size}`,
      );
    }
    this.spend(length + blockCost, place);
    const page = this.#page;
    if (start < page.start || start + length > page.start + page.bytes.length) {
      const end = Math.min(this.access.size, start + Math.max(length, pageLength));
      this.#page = { start, bytes: await this.access.read(start, end) };
    }
    const from = start - this.#page.start;
    return new Cursor(this.#page.bytes.subarray(from, from + length), place);
  }

  /** The messages of an object header, the continued ones included. */
  messages(address: number, place: FormatPlace): Promise<readonly Message[]> {
    let messages = this.#headers.get(address);
    if (messages === undefined) {
      messages = this.#readMessages(address, place);
      this.#headers.set(address, messages);
    }
    return messages;
  }

  async #readMessages(address: number, place: FormatPlace): Promise<Message[]> {
    const first = await this.block(address, Math.min(16, this.access.size), place);
    const isNew = first.bytes[0] === 0x4f;
    return isNew ? this.#newMessages(address, place) : this.#oldMessages(address, first, place);
  }

  async #oldMessages(address: number, head: Cursor, place: FormatPlace): Promise<Message[]> {
    const version = head.number(1);
    if (version !== 1) throw new FormatError(place, 'an HDF5 object header', `version ${version}`);
    head.skip(7);
    const messages: Message[] = [];
    const blocks = [{ address: address + 16, length: head.number(4) }];
    for (let i = 0; i < blocks.length; i++) {
      const { address: start, length } = blocks[i]!;
      const cursor = await this.block(start, length, place);
      while (cursor.left >= 8) {
        const type = cursor.number(2);
        const size = cursor.number(2);
        const flags = cursor.number(1);
        cursor.skip(3);
        this.#add(messages, blocks, type, flags, cursor.take(size), place);
      }
    }
    return messages;
  }

  async #newMessages(address: number, place: FormatPlace): Promise<Message[]> {
    const head = await this.block(address, Math.min(40, this.access.size - this.base - address), place);
    head.expect('OHDR');
    const version = head.number(1);
    const flags = head.number(1);
    if (version !== 2) throw new FormatError(place, 'an HDF5 object header of version 2', `${version}`);
    head.skip((flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0));
    const length = head.number(1 << (flags & 3));
    const messages: Message[] = [];
    const blocks = [{ address: address + head.at, length }];
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i]!;
      const cursor = await this.block(block.address, block.length, place);
      if (i > 0) cursor.expect('OCHK');
      // A continuation ends in a checksum; of the first block it lies behind.
      const end = i > 0 ? 4 : 0;
      const head = flags & 4 ? 6 : 4;
      while (cursor.left - end >= head) {
        const type = cursor.number(1);
        const size = cursor.number(2);
        const own = cursor.number(1);
        cursor.skip(head - 4);
        this.#add(messages, blocks, type, own, cursor.take(size), place);
      }
    }
    return messages;
  }

  #add(
    messages: Message[],
    blocks: { address: number; length: number }[],
    type: number,
    flags: number,
    data: Uint8Array<ArrayBuffer>,
    place: FormatPlace,
  ): void {
    if (type === 0x10) {
      const cursor = new Cursor(data, place);
      const next = { address: cursor.number(8), length: cursor.number(8) };
      if (blocks.length > 4096 || blocks.some(({ address }) => address === next.address)) {
        throw new FormatError(place, 'an object header that ends', 'one that goes on in circles');
      }
      blocks.push(next);
    } else if (flags & 2 && (type === 3 || type === 11)) {
      throw new FormatError(
        place,
        'a dataset that describes itself',
        'a shared HDF5 type',
        'Write it with h5py.',
      );
    } else if (knownTypes.has(type)) {
      this.spend(blockCost, place);
      // A copy: the page around it shall not stay in memory.
      messages.push({ type, data: data.slice() });
    }
  }

  async kind(address: number, place: FormatPlace): Promise<'group' | 'numbers' | 'other'> {
    const messages = await this.messages(address, place);
    // Every link to a header goes through all of its messages.
    this.spend(messages.length, place);
    if (messages.some(({ type }) => type === 0x11 || type === 2 || type === 6)) return 'group';
    const type = messages.find((message) => message.type === 3);
    const isDataset = messages.some((message) => message.type === 8);
    if (type === undefined || !isDataset) return isDataset ? 'other' : 'group';
    const space = messages.find((message) => message.type === 1);
    const isNull = space?.data[0] === 2 && space.data[3] === 2;
    return isNull || parseDatatype(type.data, place) === null ? 'other' : 'numbers';
  }

  /** The names in a group, and where they lead. */
  async links(address: number, place: FormatPlace): Promise<Map<string, number>> {
    const links = new Map<string, number>();
    const add = (name: string, target: number) => {
      const key = place.key === '' || place.key === undefined ? name : `${place.key}/${name}`;
      if (links.has(name)) throw new FormatError({ ...place, key }, 'every name once', 'the name twice');
      if (name === '' || name.includes('/')) throw new FormatError({ ...place, key }, 'a name', `'${name}'`);
      links.set(name, target);
    };
    for (const { type, data } of await this.messages(address, place)) {
      if (type === 0x11) await this.#symbolTable(new Cursor(data, place), place, add);
      else if (type === 6) linkMessage(new Cursor(data, place), add);
      else if (type === 2) refuseDense(new Cursor(data, place), place);
    }
    return links;
  }

  async #symbolTable(
    message: Cursor,
    place: FormatPlace,
    add: (name: string, target: number) => void,
  ): Promise<void> {
    const tree = message.number(8);
    const heap = await this.block(message.number(8), 32, place);
    heap.expect('HEAP');
    heap.skip(4);
    const heapLength = heap.number(8);
    heap.skip(8);
    const names = (await this.block(heap.number(8), heapLength, place)).bytes;
    for await (const child of this.#leaves(tree, 0, 8, place)) {
      const head = await this.block(child.address, 8, place);
      head.expect('SNOD');
      head.skip(2);
      const count = head.number(2);
      const entries = await this.block(child.address + 8, 40 * count, place);
      for (let i = 0; i < count; i++) {
        const nameAt = entries.number(8);
        const target = entries.number(8);
        const cacheType = entries.number(4);
        entries.skip(20);
        const length = names.subarray(nameAt, nameAt + maxName).indexOf(0);
        if (!(nameAt < names.length) || length < 0)
          throw new FormatError(place, `a name of at most ${maxName} bytes in the heap`, `at ${nameAt}`);
        this.spend(length, place);
        const end = nameAt + length;
        // A symbolic link leads to what is listed elsewhere, or to another file.
        if (cacheType !== 2) add(new TextDecoder().decode(names.subarray(nameAt, end)), target);
      }
    }
  }

  /** What the leaves of a tree of version 1 point to, each with its key. */
  async *#leaves(
    root: number,
    type: 0 | 1,
    keyLength: number,
    place: FormatPlace,
  ): AsyncGenerator<{ address: number; key: Cursor }> {
    const seen = new Set<number>();
    const stack: { address: number; level: number | null }[] = [{ address: root, level: null }];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (seen.has(node.address)) throw new FormatError(place, 'a tree', 'a node twice');
      seen.add(node.address);
      const head = await this.block(node.address, 24, place);
      head.expect('TREE');
      const kind = head.number(1);
      const level = head.number(1);
      const count = head.number(2);
      if (kind !== type || (node.level !== null && level !== node.level)) {
        throw new FormatError(
          place,
          `a node of kind ${type}, level ${node.level}`,
          `kind ${kind}, level ${level}`,
        );
      }
      const entries = await this.block(node.address + 24, count * (keyLength + 8), place);
      const children: { address: number; level: number }[] = [];
      for (let i = 0; i < count; i++) {
        const key = new Cursor(entries.take(keyLength), place);
        const address = entries.number(8);
        if (level === 0) yield { address, key };
        else children.push({ address, level: level - 1 });
      }
      for (const child of children.reverse()) stack.push(child);
    }
  }

  /** Where the chunks of a dataset lie. */
  async *chunks(
    { dims, itemSize, index }: Extract<Layout, { kind: 'chunked' }>,
    shape: readonly number[],
    place: FormatPlace,
  ): AsyncGenerator<ChunkPlace> {
    if (index.address === undefinedAddress) return;
    // The list of chunks is read anew each time that values are asked for.
    this.#budget = this.#wholeBudget();
    const plain = dims.reduce((a, b) => a * b, itemSize);
    if (index.kind === 'tree') {
      for await (const { key, address } of this.#leaves(index.address, 1, 8 + 8 * (dims.length + 1), place)) {
        const [size, mask] = [key.number(4), key.number(4)];
        yield { offset: dims.map(() => key.number(8)), address, size, mask };
      }
      return;
    }
    if (index.kind === 'single') {
      yield {
        offset: dims.map(() => 0),
        address: index.address,
        size: index.size ?? plain,
        mask: index.mask,
      };
      return;
    }
    const grid = shape.map((dim, axis) => Math.ceil(dim / dims[axis]!));
    const count = grid.reduce((a, b) => a * b, 1);
    const offsetOf = (i: number) => {
      const offset: number[] = [];
      for (let axis = grid.length - 1, rest = i; axis >= 0; axis--) {
        offset.unshift((rest % grid[axis]!) * dims[axis]!);
        rest = Math.floor(rest / grid[axis]!);
      }
      return offset;
    };
    if (index.kind === 'implicit') {
      for (let i = 0; i < count; i++)
        yield { offset: offsetOf(i), address: index.address + i * plain, size: plain, mask: 0 };
      return;
    }
    yield* this.#fixedArray(index.address, count, plain, offsetOf, place);
  }

  async *#fixedArray(
    address: number,
    count: number,
    plain: number,
    offsetOf: (i: number) => number[],
    place: FormatPlace,
  ): AsyncGenerator<ChunkPlace> {
    const head = await this.block(address, 24, place);
    head.expect('FAHD');
    head.skip(1);
    const filtered = head.number(1) === 1;
    const entrySize = head.number(1);
    const pageBits = head.number(1);
    const entryCount = head.number(8);
    if (entryCount !== count || count > 2 ** pageBits || entrySize < (filtered ? 13 : 8) || entrySize > 20) {
      const advice = 'Write it with larger chunks, or contiguous.';
      throw new FormatError(
        place,
        `a list of ${count} chunks`,
        `${entryCount} of ${entrySize} bytes, in pages`,
        advice,
      );
    }
    const block = await this.block(head.number(8), 14 + count * entrySize, place);
    block.expect('FADB');
    block.skip(10);
    for (let i = 0; i < count; i++) {
      const chunk = block.number(8);
      const size = filtered ? block.number(entrySize - 12) : plain;
      const mask = filtered ? block.number(4) : 0;
      if (chunk !== undefinedAddress) yield { offset: offsetOf(i), address: chunk, size, mask };
    }
  }
}

function linkMessage(cursor: Cursor, add: (name: string, target: number) => void): void {
  cursor.skip(1);
  const flags = cursor.number(1);
  const type = flags & 8 ? cursor.number(1) : 0;
  cursor.skip((flags & 4 ? 8 : 0) + (flags & 16 ? 1 : 0));
  const name = new TextDecoder().decode(cursor.take(cursor.number(1 << (flags & 3))));
  if (type === 0) add(name, cursor.number(8));
}

function refuseDense(cursor: Cursor, place: FormatPlace): void {
  cursor.skip(1);
  const flags = cursor.number(1);
  cursor.skip(flags & 1 ? 8 : 0);
  if (cursor.number(8) !== undefinedAddress) {
    const advice = "Write it with h5py's default libver, or with Keras' save_weights.";
    throw new FormatError(
      place,
      'a group of few links, or an older one',
      'a group in a fractal heap',
      advice,
    );
  }
}
