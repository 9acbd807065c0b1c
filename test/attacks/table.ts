/**
 * What the attacks cost: `npm run attacks` prints a row for each kind, `npm run attacks -- --write` puts the table into SECURITY.md,
 * `npm run attacks -- --each` prints a row for each attack. Each kind is read in a process of its own, whose peak of memory is what it
 * took beyond what it had before the first one.
 */
import '@tensorflow/tfjs-backend-cpu';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fixturePath } from '../support/goldens.ts';
import { published, readAll } from './published.ts';
import { securityFile, withTable } from './security-table.ts';

type Bytes = Uint8Array<ArrayBuffer>;
interface Case {
  readonly title: string;
  make(): Bytes | Promise<Bytes>;
}

const found = 'files that were found here';
const kinds: Readonly<Record<string, readonly Case[]>> = {
  ...published,
  [found]: readdirSync(fixturePath('hostile')).map((title) => ({
    title,
    make: () => new Uint8Array(readFileSync(fixturePath(`hostile/${title}`))),
  })),
};

interface Cost {
  readonly title: string;
  readonly bytes: number;
  readonly ms: number;
  readonly end: string;
}

/** Reads every attack of a kind. @returns what each cost, and the peak of all. */
async function measure(kind: string): Promise<{ costs: Cost[]; peak: number }> {
  const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});
  const inputs = await Promise.all(
    kinds[kind]!.map(async ({ title, make }) => ({ title, bytes: await make() })),
  );
  // What is read for the first time loads code.
  await readAll(inputs[0]!.bytes).catch(() => {});
  collect();
  const before = process.memoryUsage.rss();
  const costs: Cost[] = [];
  for (const { title, bytes } of inputs) {
    const start = performance.now();
    const end = await readAll(bytes).then(
      (keys) => `${keys.length} arrays`,
      (error: Error) => error.name,
    );
    costs.push({ title, bytes: bytes.length, ms: performance.now() - start, end });
  }
  return { costs, peak: Math.max(0, 1024 * process.resourceUsage().maxRSS - before) };
}

const [option, only] = process.argv.slice(2);
if (option === '--kind') {
  process.stdout.write(JSON.stringify(await measure(only!)));
} else {
  const rows: string[] = [];
  for (const kind of Object.keys(kinds)) {
    const child = spawnSync(process.execPath, [...process.execArgv, process.argv[1]!, '--kind', kind], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    if (child.status !== 0)
      throw new Error(`${kind}: ended with ${child.status ?? child.signal}: ${child.stderr}`);
    const { costs, peak } = JSON.parse(child.stdout) as Awaited<ReturnType<typeof measure>>;
    const largest = Math.max(...costs.map(({ bytes }) => bytes));
    const slowest = Math.max(...costs.map(({ ms }) => ms));
    rows.push(
      `| ${kind} | ${costs.length} | ${(largest / 1000).toFixed(1)} | ${(peak / 1e6).toFixed(1)} | ${Math.ceil(slowest)} |`,
    );
    console.log(rows.at(-1));
    if (option !== '--each') continue;
    for (const { title, bytes, ms, end } of costs)
      console.log(`|   ${title} | ${bytes} | ${ms.toFixed(1)} | ${end} |`);
  }
  if (option === '--write') writeFileSync(securityFile, withTable(readFileSync(securityFile, 'utf8'), rows));
}
