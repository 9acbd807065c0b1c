/** `chaingrad cache`: the weights that were downloaded. */
import type { CacheEntry } from '@chaingrad/weights';
import { Command } from 'commander';
import { CliError } from '../errors.ts';

const open = async () => {
  const zoo = await import('@chaingrad/weights');
  return { zoo, cache: zoo.openCache()! };
};

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

const line = ({ url, bytes, sha256, fetched }: CacheEntry) =>
  `${megabytes(bytes).padStart(10)}  ${fetched.slice(0, 10)}  ${sha256.slice(0, 16)}  ${url}\n`;

const listCommand = () =>
  new Command('list')
    .description('print what is there: size, date, the beginning of the sha256, address')
    .option('--json', 'print one JSON array instead of text')
    .action(async ({ json }: { json?: true }) => {
      const { cache } = await open();
      const entries = (await cache.list()).sort((a, b) => (a.url < b.url ? -1 : 1));
      if (json) process.stdout.write(`${JSON.stringify(entries, null, 1)}\n`);
      else {
        const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
        const count = `${entries.length} file${entries.length === 1 ? '' : 's'}`;
        process.stdout.write(
          `${entries.map(line).join('')}${count}, ${megabytes(total)} in ${cache.location}\n`,
        );
      }
    });

const clearCommand = () =>
  new Command('clear').description('remove everything, half downloads included').action(async () => {
    const { cache } = await open();
    process.stdout.write(`freed ${megabytes(await cache.clear())} in ${cache.location}\n`);
  });

const verifyCommand = () =>
  new Command('verify')
    .description('read every file and compare length and sha256; remove what is damaged')
    .action(async () => {
      const { zoo, cache } = await open();
      const damaged: string[] = [];
      const entries = await cache.list();
      for (const entry of entries) {
        const damage = await zoo.damageOf(cache, entry);
        process.stdout.write(`${damage === null ? 'sound' : `DAMAGED, removed (${damage})`}  ${entry.url}\n`);
        if (damage === null) continue;
        damaged.push(entry.url);
        await cache.remove(entry.key);
      }
      if (damaged.length > 0) {
        throw new CliError(
          `${damaged.length} of ${entries.length} files were damaged; they are fetched anew when needed`,
        );
      }
      process.stdout.write(`${entries.length} of ${entries.length} files are sound\n`);
    });

export const cacheCommand = () =>
  new Command('cache')
    .description('list, verify or clear the weights that were downloaded (folder: $CHAINGRAD_CACHE)')
    .addCommand(listCommand())
    .addCommand(verifyCommand())
    .addCommand(clearCommand());
