/**
 * PyTorch's files of state dicts: since version 1.6 a zip archive, before that pickles and raw values one after the other.
 * The pickles can make tensors and nothing else. Format: torch/serialization.py, torch/_utils.py.
 */
import {
  type ArrayInfo,
  type BinaryDtype,
  brief,
  elementCount,
  FormatError,
  type FormatPlace,
  itemSizes,
  type NamedArray,
  UnknownNameError,
} from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import { readPieces } from '../sources/read-pieces.ts';
import { Global, type PickleGlobal, type PickleRules, readPickle } from './pickle.ts';
import { concatenate, numbers } from './pieces.ts';
import { noMetadata, type WeightFile } from './weight-file.ts';
import { ZipFile } from './zip-file.ts';

/** The storage classes of torch, and what their bytes are. */
const storages: Readonly<Record<string, BinaryDtype>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  UntypedStorage: 'uint8',
};
/** The element types that have no storage class of their own; tensors of them are made by `_rebuild_tensor_v3`. */
const laterTypes: Readonly<Record<string, BinaryDtype>> = {
  uint16: 'uint16',
  uint32: 'uint32',
  uint64: 'uint64',
};

/** Values in the file that tensors are views of. */
class Storage {
  constructor(
    readonly dtype: BinaryDtype,
    readonly key: string,
    /** How many elements it has. */
    readonly length: number,
  ) {}
}

class Tensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** Where the values of each storage lie. */
interface Values {
  readonly name: string;
  /** The bytes of a storage, from byte `start` up to before `end`. */
  bytes(storage: Storage, start: number, end: number): AsyncIterable<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** A value that a checkpoint holds and that no weights are made of: a device, an element type. */
class Other {}

/** The longest pickle that is read: a state dict of a hundred thousand tensors has about 20 MB. */
const maxPickle = 1 << 26;
/** The same of an archive of a size: PyTorch stores pickles as they are, so one that is much larger was deflated to harm. */
const pickleLimit = (size: number): number => Math.min(maxPickle, 4 * size + (1 << 20));
/** How often all tensors together may use the values of the file: tied weights are the same values under many names. */
const maxSharing = 64;
const maxRank = 64;

export class PytorchWeights implements WeightFile {
  readonly format = 'pytorch';
  readonly metadata = noMetadata;
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #values: Values;

  private constructor(values: Values, tensors: ReadonlyMap<string, Tensor>) {
    this.#values = values;
    this.#tensors = tensors;
  }

  /** @throws FormatError when it is no state dict, or wants to call something. */
  static async open(access: RandomAccess): Promise<PytorchWeights> {
    const magic = await access.read(0, Math.min(4, access.size));
    return magic[0] === 0x50 && magic[1] === 0x4b ? openArchive(access) : openLegacy(access);
  }

  static of(values: Values, root: unknown): PytorchWeights {
    const tensors = tensorsOf(root, values.name);
    refuseMultiples(tensors, values.name);
    return new PytorchWeights(values, tensors);
  }

  get file(): string {
    return this.#values.name;
  }

  keys(): string[] {
    return [...this.#tensors.keys()];
  }

  has(key: string): boolean {
    return this.#tensors.has(key);
  }

  async info(key: string): Promise<ArrayInfo> {
    const { shape, storage } = this.#tensor(key);
    return { shape, dtype: storage.dtype };
  }

  async *chunks(key: string): AsyncGenerator<NamedArray> {
    const { storage, offset, shape, strides } = this.#tensor(key);
    const { dtype } = storage;
    const size = itemSizes[dtype];
    if (isContiguous(shape, strides)) {
      const count = elementCount(shape, { file: this.file, key });
      return yield* numbers(this.#values.bytes(storage, offset * size, (offset + count) * size), dtype, true);
    }
    // A view in another order (transposed, expanded): the part of the storage that it spans, then picked apart.
    const span = extent(shape, strides);
    const bytes = await concatenate(
      this.#values.bytes(storage, offset * size, (offset + span) * size),
      span * size,
    );
    for await (const flat of numbers(once(bytes), dtype, true)) yield pick(flat, shape, strides);
  }

  close(): Promise<void> {
    return this.#values.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tensor(key: string): Tensor {
    const tensor = this.#tensors.get(key);
    if (tensor === undefined) throw new UnknownNameError(this.file, key);
    return tensor;
  }
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

// ---- the two containers ---------------------------------------------------------------------------------------------

async function openArchive(access: RandomAccess): Promise<PytorchWeights> {
  const zip = await ZipFile.open(access);
  const names = [...zip.records.keys()];
  const pickles = names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const file = access.name;
  if (pickles.length !== 1) {
    const got = names.some((name) => name.includes('/code/'))
      ? 'a TorchScript program'
      : `${pickles.length} of them`;
    throw new FormatError(
      { file },
      'a state dict (data.pkl)',
      got,
      'Save model.state_dict() with torch.save.',
    );
  }
  const folder = pickles[0]!.slice(0, -'data.pkl'.length);
  const order = zip.records.get(`${folder}byteorder`);
  if (order !== undefined && new TextDecoder().decode(await zip.small(order, 16)) !== 'little') {
    throw new FormatError(
      { file, key: 'byteorder' },
      'little',
      'another byte order',
      'Save it on another machine.',
    );
  }
  const pickle = await zip.small(zip.records.get(pickles[0]!)!, pickleLimit(access.size));
  // Storages whose checksum was compared: other views of them read their own part alone.
  const checked = new Set<string>();
  let unpacked: { readonly key: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
  const values: Values = {
    name: file,
    async *bytes(storage, start, end) {
      const record = zip.records.get(`${folder}data/${storage.key}`);
      const place = { file, key: `data/${storage.key}` };
      if (record === undefined) throw new FormatError(place, 'values of a tensor', 'no such entry');
      const length = storage.length * itemSizes[storage.dtype];
      if (record.size !== length) throw new FormatError(place, `${length} bytes`, `${record.size}`);
      if (start < 0 || end > length)
        throw new FormatError(place, `at most ${length} bytes`, `a view up to ${end}`);
      const { entry } = await zip.locate(record);
      if (entry.deflated) {
        if (unpacked?.key !== storage.key) {
          unpacked = { key: storage.key, bytes: await concatenate(zip.content(entry), length) };
        }
        return yield unpacked.bytes.subarray(start, end);
      }
      if (checked.has(storage.key)) {
        yield* readPieces(access, entry.start + start, entry.start + end);
        return;
      }
      // Read as a whole: only so can the checksum be compared.
      let at = 0;
      for await (const part of zip.content(entry)) {
        const from = Math.max(start - at, 0);
        const to = Math.min(end - at, part.length);
        if (from < to) yield part.subarray(from, to);
        at += part.length;
      }
      checked.add(storage.key);
    },
    close: () => access.close(),
  };
  const place = { file, key: pickles[0]! };
  return PytorchWeights.of(values, readPickle(pickle, new StateDictRules(place), place).value);
}

/** The number that the first pickle of an old file holds, as a `LONG1` of ten bytes. */
const legacyMagic = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** Whether a file begins as those from before version 1.6 do. */
export const isLegacyPytorch = (start: Uint8Array): boolean =>
  start[0] === 0x80 && legacyMagic.every((byte, i) => start[2 + i] === byte);

async function openLegacy(access: RandomAccess): Promise<PytorchWeights> {
  const file = access.name;
  const place = { file };
  const head = await access.read(0, Math.min(access.size, maxPickle));
  if (!isLegacyPytorch(head)) throw new FormatError(place, "PyTorch's magic number", 'something else');
  const rules = new StateDictRules(place);
  // The magic number, the protocol, the machine's sizes; then the state dict and the keys of the storages, in order.
  let at = 0;
  const values: unknown[] = [];
  for (let i = 0; i < 5; i++) {
    const { value, end } = readPickle(head, rules, place, at);
    values.push(value);
    at = end;
  }
  const [, protocol, system, root, keys] = values;
  if (protocol !== 1001) throw new FormatError(place, 'protocol 1001', show(protocol));
  if (system instanceof Map && system.get('little_endian') === false) {
    throw new FormatError(place, 'little-endian values', 'big-endian ones', 'Save it on another machine.');
  }
  if (!Array.isArray(keys)) throw new FormatError(place, 'the list of storages', 'something else');
  const starts = new Map<string, number>();
  for (const key of keys as unknown[]) {
    const storage = typeof key === 'string' ? rules.storages.get(key) : undefined;
    if (typeof key !== 'string' || storage === undefined || starts.has(key)) {
      throw new FormatError({ file }, 'storages that tensors use, each once', show(key));
    }
    const count = new DataView((await access.read(at, at + 8)).slice().buffer).getBigInt64(0, true);
    if (Number(count) !== storage.length) {
      throw new FormatError({ file, key }, `${storage.length} values`, `${count}`);
    }
    starts.set(key, at + 8);
    at += 8 + storage.length * itemSizes[storage.dtype];
    if (at > access.size) throw new FormatError({ file, key }, `${at} bytes`, `${access.size}`);
  }
  if (at !== access.size) throw new FormatError(place, `${at} bytes`, `${access.size}`);
  const source: Values = {
    name: file,
    async *bytes(storage, start, end) {
      const from = starts.get(storage.key);
      const length = storage.length * itemSizes[storage.dtype];
      if (from === undefined || start < 0 || end > length) {
        throw new FormatError(
          { file, key: storage.key },
          `a view of ${length} bytes`,
          `bytes ${start} to ${end}`,
        );
      }
      yield* readPieces(access, from + start, from + end);
    },
    close: () => access.close(),
  };
  return PytorchWeights.of(source, root);
}

// ---- the pickle -----------------------------------------------------------------------------------------------------

/** Element types, which a checkpoint may mention. */
const dtypeNames =
  /^(b?float\d+(_e\d\w+)?|bfloat16|half|double|u?int\d+|long|short|bool|complex\d+|q?u?int\d+(x\d)?)$/;

/** What may be named, by module, as far as PyTorch's own loader allows it with `weights_only`. */
const allowed = new Map<string, (name: string) => boolean>([
  ['collections', (name) => name === 'OrderedDict' || name === 'Counter'],
  [
    'torch._utils',
    (name) => /^_rebuild_(tensor|tensor_v2|tensor_v3|parameter|parameter_with_state)$/.test(name),
  ],
  ['torch._tensor', (name) => name === '_rebuild_from_type_v2'],
  ['torch.nn.parameter', (name) => name === 'Parameter'],
  ['torch.storage', (name) => name === 'UntypedStorage'],
  ['torch.serialization', (name) => name === '_get_layout'],
  ['_codecs', (name) => name === 'encode'],
  ['builtins', (name) => /^(set|bytearray|complex)$/.test(name)],
  ['__builtin__', (name) => /^(set|bytearray|complex)$/.test(name)],
  [
    'torch',
    (name) => /^(Size|Tensor|device)$/.test(name) || Object.hasOwn(storages, name) || dtypeNames.test(name),
  ],
]);

/** Names of which the pickle of a state dict may make use. */
class StateDictRules implements PickleRules {
  readonly storages = new Map<string, Storage>();
  /** Storages as tensors of another type see them. */
  readonly #typed = new Map<string, Storage>();

  constructor(readonly place: FormatPlace) {}

  allows({ module, name }: PickleGlobal): boolean {
    return allowed.get(module)?.(name) === true;
  }

  hasState(value: unknown): boolean {
    return value instanceof Tensor || value instanceof Other;
  }

  call({ module, name }: PickleGlobal, args: readonly unknown[]): unknown {
    switch (`${module}.${name}`) {
      case 'collections.OrderedDict':
        return this.#orderedDict(args);
      case 'collections.Counter':
        return args[0] instanceof Map ? new Map(args[0]) : this.#orderedDict(args);
      case 'torch.Size':
      case 'torch.nn.parameter.Parameter':
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state':
        return args[0];
      case 'torch._tensor._rebuild_from_type_v2':
        return this.#subclass(args);
      case 'builtins.set':
      case '__builtin__.set':
        return new Set(Array.isArray(args[0]) ? (args[0] as unknown[]) : []);
      case 'torch.device':
      case 'torch.serialization._get_layout':
      case '_codecs.encode':
      case 'builtins.bytearray':
      case '__builtin__.bytearray':
      case 'builtins.complex':
      case '__builtin__.complex':
        return new Other();
      case 'torch._utils._rebuild_tensor':
      case 'torch._utils._rebuild_tensor_v2':
        return this.#tensor(args);
      case 'torch._utils._rebuild_tensor_v3':
        return this.#typedTensor(args);
      default:
        throw new FormatError(this.place, 'a tensor', `a call of ${module}.${name}`);
    }
  }

  persistent(id: unknown): Storage {
    const [tag, type, key, , length] = Array.isArray(id) ? (id as unknown[]) : [];
    const isStorage =
      isGlobal(type) && /^torch(\.storage)?$/.test(type.module) && Object.hasOwn(storages, type.name);
    const dtype = isStorage ? storages[type.name] : undefined;
    if (tag !== 'storage' || dtype === undefined || typeof key !== 'string' || !isSize(length)) {
      throw new FormatError(this.place, 'a storage with type, key and length', show(id));
    }
    const known = this.storages.get(key);
    if (known !== undefined) {
      if (known.dtype !== dtype || known.length !== length) {
        throw new FormatError({ ...this.place, key }, 'a storage of one type and length', 'of two');
      }
      return known;
    }
    const storage = new Storage(dtype, key, length);
    this.storages.set(key, storage);
    return storage;
  }

  #orderedDict(args: readonly unknown[]): Map<unknown, unknown> {
    const pairs = args[0] ?? [];
    if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) {
      throw new FormatError(this.place, 'pairs of key and value', show(pairs));
    }
    return new Map(pairs as [unknown, unknown][]);
  }

  /** A tensor of a subclass, or with attributes: the tensor, by the function that makes it. */
  #subclass([make, , args]: readonly unknown[]): unknown {
    if (!(make instanceof Global) || !/^_rebuild_(?!from_type)/.test(make.name) || !Array.isArray(args)) {
      throw new FormatError(
        this.place,
        'a function that makes a tensor, and what it takes',
        show([make, args]),
      );
    }
    return this.call(make, args as unknown[]);
  }

  /** A tensor of bytes of a storage without type, and its element type after shape, strides and the two of gradients. */
  #typedTensor([storage, offset, shape, strides, , , type]: readonly unknown[]): Tensor {
    const isKnown = isGlobal(type) && type.module === 'torch' && Object.hasOwn(laterTypes, type.name);
    if (!isKnown || !(storage instanceof Storage)) {
      const types = Object.keys(laterTypes).join(', ');
      throw new FormatError(this.place, `a tensor of a storage, of type ${types}`, show([storage, type]));
    }
    const dtype = laterTypes[type.name]!;
    const id = JSON.stringify([storage.key, dtype]);
    const length = (storage.length * itemSizes[storage.dtype]) / itemSizes[dtype];
    const typed = this.#typed.get(id) ?? new Storage(dtype, storage.key, Math.floor(length));
    this.#typed.set(id, typed);
    if (!Number.isInteger(length)) {
      throw new FormatError(
        { ...this.place, key: storage.key },
        `whole values of ${dtype}`,
        `${length} of them`,
      );
    }
    return this.#tensor([typed, offset, shape, strides]);
  }

  #tensor([storage, offset, givenShape, givenStrides]: readonly unknown[]): Tensor {
    // What is checked is what is used: the pickle may go on to change its lists.
    const [shape, strides] = [copiedSizes(givenShape), copiedSizes(givenStrides)];
    if (!(storage instanceof Storage) || !isSize(offset) || shape === null || strides === null) {
      throw new FormatError(
        this.place,
        'a tensor of storage, offset, shape and strides',
        show([offset, givenShape, givenStrides]),
      );
    }
    const place = { ...this.place, key: storage.key };
    if (shape.length !== strides.length || shape.length > maxRank) {
      throw new FormatError(
        place,
        `a stride for each of at most ${maxRank} dimensions`,
        show([shape, strides]),
      );
    }
    elementCount(shape, place);
    const end = offset + extent(shape, strides);
    if (!(end <= storage.length)) {
      const view = `shape (${shape.join(', ')}) with strides (${strides.join(', ')}) at ${offset}`;
      throw new FormatError(place, `a view of ${storage.length} values`, view);
    }
    // A stride of zero repeats values: a few bytes could stand for any number of them.
    if (elementCount(shape, place) > Math.max(storage.length, 1)) {
      throw new FormatError(place, `at most ${storage.length} values`, `shape (${shape.join(', ')})`);
    }
    return new Tensor(storage, offset, shape, strides);
  }
}

/** The names under which checkpoints have their state dict. */
const stateDictNames = ['state_dict', 'model_state_dict', 'model_state', 'model', 'net', 'params', 'weights'];

/**
 * The tensors of a state dict; of a checkpoint those of the state dict in it, whatever tensors it has beside (a best accuracy).
 */
function tensorsOf(root: unknown, file: string): Map<string, Tensor> {
  if (root instanceof Map) {
    for (const name of stateDictNames) {
      const inner: unknown = root.get(name);
      // A checkpoint within a checkpoint is looked into once.
      const found =
        inner instanceof Map ? (directTensors(inner.get('state_dict')) ?? directTensors(inner)) : null;
      if (found !== null) return found;
    }
  }
  const tensors = directTensors(root);
  if (tensors !== null) return tensors;
  const got =
    root instanceof Map ? `a dictionary of ${[...root.keys()].slice(0, 8).map(show).join(', ')}` : show(root);
  throw new FormatError({ file }, 'a state dict: tensors by name', got);
}

/** The tensors that a dictionary has by name; null where it has none, or is none. */
function directTensors(dict: unknown): Map<string, Tensor> | null {
  if (!(dict instanceof Map)) return null;
  const tensors = new Map<string, Tensor>();
  for (const [key, value] of dict)
    if (value instanceof Tensor && typeof key === 'string') tensors.set(key, value);
  return tensors.size > 0 ? tensors : null;
}

/** @throws FormatError when the tensors are so many views of the same values that the file unfolds to any size. */
function refuseMultiples(tensors: ReadonlyMap<string, Tensor>, file: string): void {
  const used = new Map([...tensors.values()].map(({ storage }) => [storage.key, storage.length]));
  const stored = [...used.values()].reduce((n, length) => n + length, 0);
  let total = 0;
  for (const { shape } of tensors.values()) total += elementCount(shape, { file });
  const most = maxSharing * stored + (1 << 18);
  if (total > most) throw new FormatError({ file }, `tensors of at most ${most} values in all`, `${total}`);
}

const isGlobal = (value: unknown): value is PickleGlobal =>
  typeof value === 'object' && value !== null && 'module' in value && 'name' in value;
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
/** A copy of a list of sizes, or null where it is none. A longer one than any shape is cut, which is refused as such. */
function copiedSizes(value: unknown): readonly number[] | null {
  if (!Array.isArray(value)) return null;
  const sizes: unknown[] = value.slice(0, maxRank + 1);
  return sizes.every(isSize) ? sizes : null;
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return shape.includes(0);
    expected *= shape[axis]!;
  }
  return true;
}

/** How many elements of a storage a view spans. */
const extent = (shape: readonly number[], strides: readonly number[]): number =>
  shape.includes(0) ? 0 : shape.reduce((end, dim, axis) => end + (dim - 1) * strides[axis]!, 1);

/** The elements of a view in C order. */
function pick(flat: NamedArray, shape: readonly number[], strides: readonly number[]): NamedArray {
  const source = flat.data as Float32Array<ArrayBuffer>;
  const count = shape.reduce((a, b) => a * b, 1);
  const out = new (source.constructor as Float32ArrayConstructor)(count);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    out[to] = source[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { ...flat, shape: [count], data: out } as NamedArray;
}

const show = (value: unknown): string => (value instanceof Map ? 'a dictionary' : brief(value));
