/** The same named arrays as files of PyTorch and of HDF5: small writers, for tests of what is done with such files. */
import { zipSync } from 'fflate';

export type FloatArrays = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array }
>;

const bytesOf = (data: Float32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** A little-endian byte string. */
class Bytes {
  readonly parts: Uint8Array[] = [];
  length = 0;

  push(...bytes: readonly (number | string | Uint8Array)[]): this {
    for (const each of bytes) {
      const part =
        typeof each === 'number'
          ? Uint8Array.of(each)
          : typeof each === 'string'
            ? new TextEncoder().encode(each)
            : each;
      this.parts.push(part);
      this.length += part.length;
    }
    return this;
  }

  int(value: number, size: number): this {
    const part = new Uint8Array(size);
    for (let i = 0; i < size; i++) part[i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
    return this.push(part);
  }

  done(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}

/** What `torch.save(state_dict)` writes: a zip of a pickle (protocol 2) and the storages. */
export function torchFile(arrays: FloatArrays): Uint8Array<ArrayBuffer> {
  const text = (value: string) =>
    new Bytes().push('X').int(new TextEncoder().encode(value).length, 4).push(value).done();
  const int = (value: number) => new Bytes().push('J').int(value, 4).done();
  const tuple = (values: readonly number[]) => new Bytes().push('(', ...values.map(int), 't').done();
  const pickle = new Bytes().push(0x80, 2, '}', '(');
  const entries: Record<string, Uint8Array> = {};
  [...arrays].forEach(([name, { shape, data }], i) => {
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    pickle
      .push(text(name), 'ctorch._utils\n_rebuild_tensor_v2\n', '(')
      .push(
        '(',
        text('storage'),
        'ctorch\nFloatStorage\n',
        text(String(i)),
        text('cpu'),
        int(data.length),
        't',
        'Q',
      )
      .push(int(0), tuple(shape), tuple(strides), 0x89, 'ccollections\nOrderedDict\n', ')', 'R', 't', 'R');
    entries[`archive/data/${i}`] = bytesOf(data);
  });
  entries['archive/data.pkl'] = pickle.push('u', '.').done();
  return zipSync(entries, { level: 0 }) as Uint8Array<ArrayBuffer>;
}

/** Groups of contiguous datasets, as h5py writes them with `libver='latest'`. */
export function hdf5File(arrays: FloatArrays): Uint8Array<ArrayBuffer> {
  const file = new Bytes().push(new Uint8Array(48));
  const align = () => file.push(new Uint8Array(-file.length & 7));
  /** An object header of version 1. @returns its address. */
  const object = (messages: readonly (readonly [type: number, data: Uint8Array])[]): number => {
    align();
    const body = new Bytes();
    for (const [type, data] of messages) {
      const padded = new Bytes()
        .push(data)
        .push(new Uint8Array(-data.length & 7))
        .done();
      body.int(type, 2).int(padded.length, 2).int(0, 4).push(padded);
    }
    const address = file.length;
    file.push(1, 0).int(messages.length, 2).int(1, 4).int(body.length, 4).int(0, 4).push(body.done());
    return address;
  };
  const dataset = (shape: readonly number[], data: Float32Array): number => {
    align();
    const address = file.length;
    file.push(bytesOf(data));
    const space = new Bytes().push(1, shape.length, 0, 0, 0, 0, 0, 0);
    for (const dim of shape) space.int(dim, 8);
    const type = new Bytes()
      .push(0x11, 0x20, 31, 0)
      .int(4, 4)
      .int(0, 2)
      .int(32, 2)
      .push(23, 8, 0, 23)
      .int(127, 4);
    const layout = new Bytes().push(3, 1).int(address, 8).int(data.byteLength, 8);
    return object([
      [1, space.done()],
      [3, type.done()],
      [8, layout.done()],
    ]);
  };
  type Tree = Map<string, Tree | number>;
  const root: Tree = new Map();
  for (const [key, { shape, data }] of arrays) {
    const names = key.split('/');
    let group = root;
    for (const name of names.slice(0, -1)) {
      const next = (group.get(name) as Tree | undefined) ?? new Map();
      group.set(name, next);
      group = next;
    }
    group.set(names.at(-1)!, dataset(shape, data));
  }
  const write = (group: Tree): number =>
    object(
      [...group].map(([name, child]) => {
        const address = typeof child === 'number' ? child : write(child);
        const bytes = new TextEncoder().encode(name);
        return [6, new Bytes().push(1, 0, bytes.length, bytes).int(address, 8).done()] as const;
      }),
    );
  const rootAddress = write(root);
  const out = file.done();
  const head = new Bytes()
    .push(0x89, 'HDF\r\n', 0x1a, '\n', 2, 8, 8, 0)
    .int(0, 8)
    .push(new Uint8Array(8).fill(255));
  out.set(head.int(out.length, 8).int(rootAddress, 8).int(0, 4).done());
  return out;
}
