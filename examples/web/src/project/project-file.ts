/** A whole project as one zip file: what is labelled as JSON, and the pictures as they are. */
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import type { LabelledBox, Picture, Project } from './project.ts';

const FORMAT = 'chaingrad-studio-1';
const DESCRIPTION = 'project.json';

export class ProjectFileError extends Error {
  override readonly name = 'ProjectFileError';
}

/** @param contentOf the bytes of a picture. */
export async function writeProject(
  project: Project,
  contentOf: (picture: Picture) => Promise<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const files: Record<string, Uint8Array> = {};
  const pictures = [];
  for (const picture of project.pictures) {
    const file = `pictures/${picture.id}-${picture.name.replace(/[^\w.-]+/g, '_')}`;
    files[file] = await contentOf(picture);
    pictures.push({ ...picture, file });
  }
  files[DESCRIPTION] = strToU8(JSON.stringify({ format: FORMAT, names: project.names, pictures }, null, 2));
  // Pictures are compressed already.
  return zipSync(files, { level: 0 }) as Uint8Array<ArrayBuffer>;
}

/** @throws ProjectFileError for anything but what `writeProject` has made. */
export function readProject(bytes: Uint8Array): { project: Project; contents: Map<string, Uint8Array> } {
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes);
  } catch (error) {
    throw new ProjectFileError(`expected a project of this studio (zip), got ${(error as Error).message}`);
  }
  const description = files[DESCRIPTION];
  if (description === undefined)
    throw new ProjectFileError(`expected a project of this studio, got a zip file without ${DESCRIPTION}`);
  const told = JSON.parse(strFromU8(description)) as {
    format?: unknown;
    names?: unknown;
    pictures?: unknown;
  };
  if (told.format !== FORMAT || !isList(told.names, isText) || !Array.isArray(told.pictures))
    throw new ProjectFileError(`${DESCRIPTION}: expected format ${FORMAT}, names and pictures`);
  const contents = new Map<string, Uint8Array>();
  const pictures = told.pictures.map((picture: Picture & { file: string }, i): Picture => {
    const { id, name, width, height, part, boxes, file } = picture ?? {};
    const content = files[file];
    const isBox = (box: unknown) => isLabelled(box, (told.names as string[]).length);
    if (content === undefined || ![id, name].every(isText) || !isList(boxes, isBox))
      throw new ProjectFileError(`${DESCRIPTION}: picture ${i + 1} is damaged, or its file is missing`);
    if (![width, height].every((side) => Number.isInteger(side) && side > 0))
      throw new ProjectFileError(`${DESCRIPTION}: picture ${i + 1} has no size`);
    contents.set(id, content);
    const isPart = part === 'train' || part === 'test';
    return { id, name, width, height, part: isPart ? part : 'auto', boxes };
  });
  return { project: { names: told.names as string[], pictures }, contents };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isList = <T>(value: unknown, isOne: (each: unknown) => boolean): value is T[] =>
  Array.isArray(value) && value.every(isOne);

function isLabelled(value: unknown, classes: number): value is LabelledBox {
  const { label, box } = (value ?? {}) as Partial<LabelledBox>;
  return (
    Number.isInteger(label) &&
    label! >= 0 &&
    label! < classes &&
    isList(box, Number.isFinite) &&
    box!.length === 4
  );
}
