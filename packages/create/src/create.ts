#!/usr/bin/env node
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { CreateError, create, templates } from './index.ts';

const usage = `Usage: npm create chaingrad [FOLDER] [-- --template NAME]

${Object.entries(templates)
  .map(([name, what]) => `  ${name.padEnd(6)} ${what}`)
  .join('\n')}`;

/** What the user answers; `otherwise` without a terminal, or where the answer is empty. */
async function ask(question: string, otherwise: string): Promise<string> {
  if (!process.stdin.isTTY) return otherwise;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`${question} (${otherwise}) `);
  terminal.close();
  return answer.trim() || otherwise;
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { template: { type: 'string', short: 't' }, help: { type: 'boolean', short: 'h' } },
  });
  if (positionals.length > 1)
    throw new CreateError(`Expected one folder, got ${positionals.length}.\n\n${usage}`);
  if (values.help) console.log(usage);
  else {
    const folder = positionals[0] ?? (await ask('Folder', 'chaingrad-project'));
    if (values.template === undefined && process.stdin.isTTY) console.log(usage.split('\n\n')[1]);
    const template = values.template ?? (await ask('Template', 'node'));
    const next = await create(folder, template);
    console.log(
      `Made ${folder} from the template ${template}. Next:\n\n${next.map((line) => `  ${line}`).join('\n')}\n`,
    );
  }
} catch (error) {
  const told =
    error instanceof CreateError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  if (!told) throw error;
  console.error((error as Error).message);
  process.exitCode = 1;
}
