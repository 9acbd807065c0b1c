/** Weights from files and addresses. */
import { type ArrayFile, type Link, transferParams } from '@chaingrad/core';
import { type ByteSource, openNpz, type ReadProgress, readBytes, sourceName } from '@chaingrad/weights';

/** Is told, in a few words, what is being waited for. */
export type Say = (text: string) => void;

export interface Weights {
  /** The path or address, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The arrays of an npz file; null for other formats. */
  readonly arrays: ArrayFile | null;
}

/**
 * Reads a file of weights and, if it is an npz file, opens it.
 *
 * @param source path or address.
 * @param say is told how much is here; for downloads, which take long.
 * @throws SourceError, DownloadError; FormatError when it is a damaged npz file.
 */
export async function readWeights(source: ByteSource, say?: Say): Promise<Weights> {
  const name = sourceName(source);
  const bytes = await readBytes(source, { onProgress: tell(name, say) });
  // An npz file is a zip archive.
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  return { name, bytes, arrays: isZip ? openNpz(bytes, name) : null };
}

/**
 * Gives a model the parameters of a file. All must be there and fit: a detector with some layers left random finds anything.
 *
 * @throws StructureMismatchError, ShapeMismatchError.
 */
export function loadArrays(model: Link, arrays: ArrayFile): void {
  transferParams(arrays, model, { onMissing: 'throw', onMismatch: 'throw' });
}

/**
 * The number of classes (without background) of an SSD's parameters in a file, or null where they have other names.
 * Of each default box the first heads give 4 offsets and one value a class.
 */
export function classesOf(arrays: ArrayFile): number | null {
  const [loc, conf] = ['multibox/loc/0/b', 'multibox/conf/0/b'].map((key) =>
    arrays.has(key) ? arrays.info(key).shape[0] : undefined,
  );
  if (loc === undefined || conf === undefined) return null;
  const classes = conf / (loc / 4) - 1;
  return Number.isInteger(classes) && classes > 0 ? classes : null;
}

/** A listener to a download that says how much is here. */
export const tell =
  (name: string, say?: Say) =>
  ({ loaded, total }: ReadProgress): void =>
    say?.(`${name} ${megabytes(loaded)}${total === null ? '' : ` of ${megabytes(total)}`} MB`);

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
