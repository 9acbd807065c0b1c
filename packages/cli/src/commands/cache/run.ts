/** What `chaingrad cache list|clear|verify` do. */
import { type CacheEntry, damageOf, openCache } from '@chaingrad/weights';
import { CliError } from '../../errors.ts';

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

const line = ({ url, bytes, sha256, fetched }: CacheEntry) =>
  `${megabytes(bytes).padStart(10)}  ${fetched.slice(0, 10)}  ${sha256.slice(0, 16)}  ${url}\n`;

/** Prints what is there. */
export async function listCache({ json = false }: { readonly json?: boolean }): Promise<void> {
  const cache = openCache()!;
  const entries = (await cache.list()).sort((a, b) => (a.url < b.url ? -1 : 1));
  if (json) {
    process.stdout.write(`${JSON.stringify(entries, null, 1)}\n`);
    return;
  }
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const count = `${entries.length} file${entries.length === 1 ? '' : 's'}`;
  process.stdout.write(`${entries.map(line).join('')}${count}, ${megabytes(total)} in ${cache.location}\n`);
}

/** Removes everything. */
export async function clearCache(): Promise<void> {
  const cache = openCache()!;
  process.stdout.write(`freed ${megabytes(await cache.clear())} in ${cache.location}\n`);
}

/** Reads every file, and removes what is damaged. @throws CliError when a file was. */
export async function verifyCache(): Promise<void> {
  const cache = openCache()!;
  const damaged: string[] = [];
  const entries = await cache.list();
  for (const entry of entries) {
    const damage = await damageOf(cache, entry);
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
}
