/** The command line as a whole: its commands, and what becomes of an error. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { commands } from './commands/index.ts';
import { oneLine } from './errors.ts';

/** The command `chaingrad` with all its commands. */
export function createProgram(): Command {
  // One folder up from here both in src and in dist.
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const program = new Command('chaingrad')
    .description(manifest.description)
    .version(manifest.version)
    .helpCommand('help [command]', 'show the help of a command')
    .exitOverride()
    // Errors are printed by `main`, in one place and in one form.
    .configureOutput({ outputError() {} });
  for (const command of commands) program.addCommand(command().copyInheritedSettings(program));
  return program;
}

/**
 * Runs one command line.
 *
 * @param args the words after `chaingrad`.
 * @returns the exit code: 0, or 1 when something went wrong (said in one line on stderr).
 */
export async function main(args: readonly string[]): Promise<number> {
  const program = createProgram();
  process.exitCode = 0;
  try {
    await program.parseAsync(args, { from: 'user' });
    // A command that went on after an error (one broken file of several) has said so and set the exit code.
    return Number(process.exitCode);
  } catch (error) {
    // Help and version end here too: they have been printed.
    if (error instanceof CommanderError && error.code.startsWith('commander.help')) return error.exitCode;
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    process.stderr.write(`error: ${oneLine(error)}${hint(program, args, error)}\n`);
    return 1;
  }
}

/** What the user could have written instead of an unknown option or command. */
function hint(program: Command, args: readonly string[], error: unknown): string {
  if (!(error instanceof CommanderError)) return '';
  if (error.code === 'commander.unknownCommand') {
    return `; commands are: ${program.commands.map((command) => command.name()).join(', ')}`;
  }
  if (error.code === 'commander.unknownOption') {
    const command = program.commands.find((candidate) => candidate.name() === args[0]) ?? program;
    return `; options are: ${command.options.map((option) => option.long).join(', ')}`;
  }
  return '';
}
