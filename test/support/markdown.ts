/** The code that stands in Markdown files. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Block {
  readonly language: string;
  /** What stands behind the language. */
  readonly marks: string;
  readonly code: string;
}

function blocks(path: string): Block[] {
  const text = readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
  return [...text.matchAll(/^```(\w*) ?(.*)\n([\s\S]*?)^```/gm)].map(([, language, marks, code]) => ({
    language: language!,
    marks: marks!,
    code: code!,
  }));
}

/**
 * The code blocks of a Markdown file, in their order.
 * @param path from the repository's folder, e.g. `packages/core/README.md`.
 * @param languages those to take, e.g. `['ts', 'js']`; '' are blocks that name none.
 */
export function codeBlocks(path: string, languages: readonly string[]): string[] {
  return blocks(path).flatMap(({ language, code }) => (languages.includes(language) ? [code] : []));
}

/** The code blocks of one language with what else their first line says, e.g. `alone` of "```ts alone". */
export function markedBlocks(path: string, language: string): Block[] {
  return blocks(path).filter((block) => block.language === language);
}
