/** The table of docs/messages.md: what people are told who make a mistake. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

/** Mistakes by their names, each as code that makes it; what it throws, or else warns of, is the message. */
export type Mistakes = Readonly<Record<string, () => unknown>>;

const file = fileURLToPath(new URL('../../docs/messages.md', import.meta.url));

/** What one is told: the error, or the warnings of code that ends well. */
export async function messageOf(make: () => unknown): Promise<string> {
  const warnings: string[] = [];
  const { warn } = console;
  console.warn = (...parts: unknown[]) => void warnings.push(parts.join(' '));
  try {
    await make();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  } finally {
    console.warn = warn;
  }
  expect(warnings, 'warnings, where nothing was thrown').to.not.deep.equal([]);
  return `warning: ${warnings.join(' ')}`;
}

/** A message as it stands in a cell of the table. */
const cell = (text: string) =>
  `\`${text.replaceAll('|', '\\|').replaceAll('`', "'").replaceAll('\n', ' ')}\``;

/**
 * Expects a row of the table for each mistake, with what is told now in its last cell. `UPDATE_MESSAGES=1` writes that cell.
 */
export function describeMessages(title: string, mistakes: Mistakes): void {
  describe(title, () => {
    for (const [name, make] of Object.entries(mistakes)) {
      it(`${name}: says where, what was expected, what came and what to do`, async () => {
        const now = cell(await messageOf(make));
        const text = readFileSync(file, 'utf8');
        const lines = text.split('\n');
        const at = lines.findIndex((line) => line.startsWith(`| ${name} |`));
        expect(at, `a row '| ${name} | before | now |' in docs/messages.md`).to.not.equal(-1);
        const cells = lines[at]!.split(/(?<!\\)\|/);
        if (process.env['UPDATE_MESSAGES'] === '1') {
          lines[at] = `|${cells[1]}|${cells[2]}| ${now} |`;
          writeFileSync(file, lines.join('\n'));
        } else expect(cells[3]!.trim()).to.equal(now);
      });
    }
  });
}
