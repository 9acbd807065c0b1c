/** Which pictures are meant: files, folders, patterns, and the names on stdin. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, ImageError } from './errors.ts';
import { pictureEndings } from './images.ts';

const isPattern = (text: string) => /[*?[{]/.test(text);

/** `*` and `?` stay in a folder, `**` goes through all below. */
function toRegExp(pattern: string): RegExp {
  const parts = pattern.split(/(\*\*\/?|\*|\?|\[[^\]]*\]|\{[^}]*\})/);
  const source = parts.map((part) => {
    if (part === '**') return '.*';
    if (part.startsWith('**')) return '(?:.*/)?';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (/^\[.*\]$/.test(part)) return part.replace(/^\[!/, '[^');
    if (/^\{.*\}$/.test(part)) return `(?:${part.slice(1, -1).split(',').map(literally).join('|')})`;
    return literally(part);
  });
  return new RegExp(`^${source.join('')}$`);
}

const literally = (text: string) => text.replace(/[.+^$()|\\{}[\]]/g, '\\$&');

/** Files below a folder, in the order of their names. */
function* below(folder: string): Generator<string> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* below(path);
    else yield path;
  }
}

function expand(text: string): string[] {
  if (existsSync(text)) {
    if (!statSync(text).isDirectory()) return [text];
    const files = [...below(text)].filter((file) => pictureEndings.test(file));
    if (files.length === 0) throw new ImageError(text, 'the folder has no pictures');
    return files;
  }
  if (!isPattern(text)) return [text];
  const fixed = text.split('/').slice(0, text.split('/').findIndex(isPattern)).join('/');
  const root = fixed === '' ? (text.startsWith('/') ? '/' : '.') : fixed;
  const fits = toRegExp(text.replace(/^\.\//, ''));
  const files = existsSync(root) ? [...below(root)].filter((file) => fits.test(file)) : [];
  if (files.length === 0) throw new ImageError(text, 'no picture has such a name');
  return files;
}

async function stdinNames(): Promise<string[]> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  return text.split(/\r?\n/).filter((line) => line !== '');
}

/** Part `index` of `count`, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/**
 * The pictures that are meant, each once.
 *
 * @param words files, folders (all pictures in and below), patterns that the shell has not expanded, `-` for names on stdin.
 * @param shard only each so-and-so-many-th of them.
 * @throws ImageError for a folder or a pattern without pictures, CliError where none are left.
 */
export async function pictures(words: readonly string[], shard?: Shard): Promise<string[]> {
  const all: string[] = [];
  for (const word of words) all.push(...(word === '-' ? await stdinNames() : expand(word)));
  const unique = [...new Set(all)];
  if (shard === undefined) return unique;
  return unique.filter((_, i) => i % shard.count === shard.index - 1);
}

/** @throws CliError unless it is `i/n` with i from 1 to n. */
export function parseShard(text: string): Shard {
  const [index, count] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).slice(1).map(Number);
  if (index !== undefined && count !== undefined && index >= 1 && index <= count) return { index, count };
  throw new CliError(`--shard ${text}: expected the part and the number of parts, e.g. 3/16`);
}
