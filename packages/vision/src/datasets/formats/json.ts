/** JSON as annotations have it. */
import { type DatasetFiles, whyUnreadable } from '../files.ts';
import type { TreeFolder } from '../layout/tree.ts';
import { joinPath } from '../paths.ts';
import { decodeText } from '../text.ts';

export type Json = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value);

export const isSize = (value: unknown): value is number => isNumber(value) && value > 0;

/** @throws SyntaxError for what is no JSON; the error of the reader where there is no such file. */
export const readJson = async (files: DatasetFiles, path: string): Promise<unknown> =>
  JSON.parse(decodeText(await files.read(path)));

/** Where there are more files, each is of one picture: then a few tell what they are. */
const FEW = 12;
const LOOKED_AT = 3;

/** The JSON files of a folder that tell what it holds, with what is in them, or why they cannot be read. */
export async function* jsonFiles(
  files: DatasetFiles,
  folder: TreeFolder,
): AsyncGenerator<{ path: string; value?: unknown; why?: string }> {
  const names = folder.files.filter((name) => name.toLowerCase().endsWith('.json'));
  for (const name of names.length > FEW ? names.slice(0, LOOKED_AT) : names) {
    const path = joinPath(folder.path, name);
    yield await readJson(files, path).then(
      (value) => ({ path, value }),
      (error) => ({ path, why: whyUnreadable(error) }),
    );
  }
}
