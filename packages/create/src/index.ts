/**
 * A new project from a template.
 *
 * @module create-chaingrad
 */
import { cp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The templates: what each is for. */
export const templates = {
  node: 'fine-tune a network in Node, save it, use it',
  page: 'a page that detects objects in pictures, built by Vite',
} as const;

export type Template = keyof typeof templates;

/** The project cannot be made: the folder is not empty, or the template is unknown. */
export class CreateError extends Error {
  override readonly name = 'CreateError';
}

/** A name that npm takes: small letters, digits, hyphens. */
function packageName(folder: string): string {
  const name = basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return name === '' ? 'chaingrad-project' : name;
}

/**
 * Writes a template into a folder.
 * @param folder is made where it does not exist, and must be empty but for git's own.
 * @returns the commands that come next.
 * @throws CreateError; nothing is written then.
 */
export async function create(folder: string, template: string): Promise<string[]> {
  if (!Object.hasOwn(templates, template)) {
    const known = Object.keys(templates).join(', ');
    throw new CreateError(`There is no template ${JSON.stringify(template)}; there are: ${known}.`);
  }
  const present = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new CreateError(`${folder} cannot be read as a folder (${error.code}).`);
  });
  const files = present.filter((name) => name !== '.git');
  if (files.length > 0) {
    throw new CreateError(
      `${folder} is not empty (${files.slice(0, 3).join(', ')}): give a new folder's name.`,
    );
  }
  const source = fileURLToPath(new URL(`../templates/${template}`, import.meta.url));
  await cp(source, folder, { recursive: true });
  // npm leaves files of these names out of packages, so templates have others.
  await rename(join(folder, 'gitignore'), join(folder, '.gitignore'));
  const read = async (file: string | URL) => JSON.parse(await readFile(file, 'utf8'));
  const { version } = await read(new URL('../package.json', import.meta.url));
  const manifest = await read(join(folder, 'package.json'));
  for (const name of Object.keys(manifest.dependencies)) {
    if (name.startsWith('@chaingrad/')) manifest.dependencies[name] = `^${version}`;
  }
  const named = { name: packageName(folder), ...manifest };
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(named, null, 2)}\n`);
  const enter = resolve(folder) === process.cwd() ? [] : [`cd ${folder}`];
  return [...enter, 'npm install', template === 'page' ? 'npm run dev' : 'npm start'];
}
