/** A process of its own that gets a file through the cache: prints the digest of what it got. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cachedFile } from '@chaingrad/weights';

const [url, cacheDir] = process.argv.slice(2) as [string, string];
const file = (await cachedFile(url, { cacheDir, retryDelay: 10 })) as string;
process.stdout.write(createHash('sha256').update(readFileSync(file)).digest('hex'));
