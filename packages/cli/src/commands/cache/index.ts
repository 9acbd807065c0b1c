/** `chaingrad cache`: the weights that were downloaded. */
import { Command } from 'commander';

const listCommand = () =>
  new Command('list')
    .description('print what is there: size, date, the beginning of the sha256, address')
    .option('--json', 'print one JSON array instead of text')
    .action(async (options: { json?: true }) => (await import('./run.ts')).listCache(options));

const clearCommand = () =>
  new Command('clear')
    .description('remove everything, half downloads included')
    .action(async () => (await import('./run.ts')).clearCache());

const verifyCommand = () =>
  new Command('verify')
    .description('read every file and compare length and sha256; remove what is damaged')
    .action(async () => (await import('./run.ts')).verifyCache());

export const cacheCommand = () =>
  new Command('cache')
    .description('list, verify or clear the weights that were downloaded (folder: $CHAINGRAD_CACHE)')
    .addCommand(listCommand())
    .addCommand(verifyCommand())
    .addCommand(clearCommand());
