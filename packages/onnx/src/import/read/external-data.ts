/** Arrays that lie in files beside the model. Nothing outside of the model's folder is read. */
import { FormatError, type FormatPlace } from '@chaingrad/core';
import { type ByteSource, openRandomAccess, type RandomAccess } from '@chaingrad/weights';
import type { ModelProto, TensorProto } from '../../proto/index.ts';
import { externalTensors } from './model.ts';
import type { ExternalBytes } from './tensor.ts';

/** Files by the names that the model calls them by. */
export type ExternalData = Readonly<Record<string, ByteSource>>;

interface Part {
  readonly location: string;
  readonly offset: number;
  readonly length: number | null;
}

/** What an array says of the file that holds it. @throws FormatError when it is no plain name below the model's folder. */
function partOf(tensor: TensorProto, place: FormatPlace): Part {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  const segments = location.split('/');
  const plain = segments.every((s) => s !== '' && s !== '.' && s !== '..' && !/[\\:\0]/.test(s));
  if (!plain) {
    throw new FormatError(
      place,
      "the name of a file below the model's folder",
      JSON.stringify(location.slice(0, 200)),
      'Nothing outside of it is read.',
    );
  }
  const number = (key: string): number | null => {
    const text = entries.get(key);
    if (text === undefined || text === '') return null;
    if (!/^\d{1,15}$/.test(text))
      throw new FormatError(place, `a number of bytes as ${key}`, JSON.stringify(text.slice(0, 40)));
    return Number(text);
  };
  return { location, offset: number('offset') ?? 0, length: number('length') };
}

/** The folder of a model that is a file of this machine, or null. */
async function folderOf(source: ByteSource): Promise<string | null> {
  const isFile =
    typeof source === 'string'
      ? !/^[a-z][a-z0-9+.-]+:/i.test(source) || /^file:/i.test(source)
      : source instanceof URL && source.protocol === 'file:';
  const path = globalThis.process?.getBuiltinModule?.('node:path');
  const url = globalThis.process?.getBuiltinModule?.('node:url');
  if (!isFile || path === undefined || url === undefined) return null;
  const local =
    source instanceof URL || /^file:/i.test(source as string)
      ? url.fileURLToPath(source as string | URL)
      : (source as string);
  return path.dirname(path.resolve(local));
}

/** Opens a file below a folder, without following links out of it. */
async function openBelow(folder: string, location: string, place: FormatPlace): Promise<RandomAccess> {
  const path = globalThis.process.getBuiltinModule('node:path');
  const fs = globalThis.process.getBuiltinModule('node:fs/promises');
  const full = path.join(folder, ...location.split('/'));
  let real = full;
  try {
    real = await fs.realpath(full);
  } catch {
    // The opening below says that it is not there.
  }
  const root = await fs.realpath(folder);
  if (real !== full && !real.startsWith(root + path.sep)) {
    throw new FormatError(
      place,
      "a file below the model's folder",
      `'${location}', a link that leads out of it`,
      'Nothing outside of it is read.',
    );
  }
  return openRandomAccess(real);
}

/** Reads every array that lies beside the model, so that the graph can be made at once. */
export async function readExternal(
  model: ModelProto,
  source: ByteSource,
  file: string,
  given: ExternalData | undefined,
  signal: AbortSignal | undefined,
): Promise<ExternalBytes> {
  const parts = new Map<TensorProto, Uint8Array<ArrayBuffer>>();
  const files = new Map<string, RandomAccess>();
  const folder = await folderOf(source);
  /** An honest model uses each byte about once; a hostile one could name the same gigabyte a thousand times. */
  let spent = 0;
  try {
    for (const tensor of externalTensors(model)) {
      const place = { file, key: tensor.name };
      const { location, offset, length } = partOf(tensor, place);
      let access = files.get(location);
      if (access === undefined) {
        if (given !== undefined && Object.hasOwn(given, location))
          access = await openRandomAccess(given[location]!, { signal });
        else if (folder !== null) access = await openBelow(folder, location, place);
        else {
          throw new FormatError(
            place,
            'its values',
            `values in '${location}'`,
            `Give the file: importOnnx(source, { externalData: { ${JSON.stringify(location)}: file } }).`,
          );
        }
        files.set(location, access);
      }
      const end = length === null ? access.size : offset + length;
      if (offset > access.size || end > access.size)
        throw new FormatError(
          place,
          `bytes ${offset} to ${end} of '${location}'`,
          `a file of ${access.size} bytes`,
        );
      spent += end - offset;
      const whole = [...files.values()].reduce((sum, { size }) => sum + size, 0);
      if (spent > 4 * whole)
        throw new FormatError(
          place,
          'arrays that lie apart',
          `the same bytes of '${location}' used over and over`,
        );
      parts.set(tensor, await access.read(offset, end, signal));
    }
  } finally {
    await Promise.all([...files.values()].map((access) => access.close()));
  }
  return (tensor, place) => {
    const bytes = parts.get(tensor);
    if (bytes === undefined) throw new FormatError(place, 'its values', 'none: they lie in another file');
    return bytes;
  };
}
