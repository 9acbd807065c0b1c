/** The code that stands in Markdown files. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The code blocks of a Markdown file, in their order.
 * @param path from the repository's folder, e.g. `packages/core/README.md`.
 * @param languages those to take, e.g. `['ts', 'js']`; '' are blocks that name none.
 */
export function codeBlocks(path: string, languages: readonly string[]): string[] {
  const text = readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
  return [...text.matchAll(/^```(\w*)\n(.*?)^```/gms)]
    .filter(([, language]) => languages.includes(language!))
    .map(([, , code]) => code!);
}
