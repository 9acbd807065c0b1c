/** The table in SECURITY.md that `npm run attacks -- --write` makes. */
import { fileURLToPath } from 'node:url';

export const securityFile = fileURLToPath(new URL('../../SECURITY.md', import.meta.url));

const head = [
  '| kind | files | the largest, kB | peak of memory, MB | the slowest, ms |',
  '| --- | ---: | ---: | ---: | ---: |',
];

const table = new RegExp(`${head.map((line) => line.replaceAll('|', '\\|')).join('\n')}\n((?:\\|.*\n)*)`);

/** The rows of the table in a text. @throws Error where there is no table. */
export function rowsIn(text: string): string[] {
  const rows = table.exec(text)?.[1];
  if (rows === undefined) throw new Error('SECURITY.md has no table of what the attacks cost');
  return rows.trim().split('\n');
}

/** The text with other rows. */
export function withTable(text: string, rows: readonly string[]): string {
  rowsIn(text);
  return text.replace(table, () => `${[...head, ...rows].join('\n')}\n`);
}
