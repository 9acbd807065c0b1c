/**
 * Whether the studio's page learns as well as the command: both fine-tune the same detector on the same pictures, with as many
 * updates of as many pictures, and are measured on the same pictures held out.
 *
 *     npm run bench:studio -- FOLDER [--updates 1460] [--out out/bench-studio] [--only page|command|none]
 *
 * FOLDER says by lists or parts `train` (or `trainval`) and `test` what is held out, as BCCD does:
 *
 *     git clone https://github.com/Shenggan/BCCD_Dataset && npm run bench:studio -- BCCD_Dataset/BCCD
 *
 * The page runs in headless Chromium, on WASM, as people use it: the folder is chosen, the number of steps set, and "Train" clicked.
 * The command then does as many updates as the page did. Both keep the model that is best on the pictures held out, so both figures
 * are a little kind. The page's detector is saved and measured once more by `chaingrad evaluate`: that tells apart learning and
 * measuring. The last line is the difference; the exit code is 1 where it is above 0.02. What each side reached stays in `--out`, so
 * that with `--only` one side is run anew, or none, and compared with what is there of the other.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { startChromium } from '../../test/browser/support/browsers.ts';
import { builtStudio, openStudio, said, saved, serveStudio } from '../../test/browser/support/studio.ts';
import { sourceFlags } from '../../test/support/program.ts';

/** What one side reached. */
interface Reached {
  readonly updates: number;
  readonly seconds: number;
  /** On the pictures held out, by its own measure. */
  readonly map: number;
  readonly ap: Readonly<Record<string, number | null>>;
  readonly note: string;
}

const TOLERANCE = 0.02;
const MINUTE = 60_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    updates: { type: 'string', default: '1460' },
    out: { type: 'string', default: 'out/bench-studio' },
    only: { type: 'string' },
  },
});
const updates = Number(options.updates);
const [folder] = positionals.map((path) => resolve(path));
if (
  folder === undefined ||
  !existsSync(folder) ||
  !(updates > 0) ||
  !/^(page|command|none)?$/.test(options.only ?? '')
)
  throw new Error(
    'Usage: npm run bench:studio -- FOLDER [--updates N] [--out DIR] [--only page|command|none]',
  );
const out = resolve(options.out);
await mkdir(out, { recursive: true });
const pageModel = join(out, 'page.npz');

/** Runs the command from its sources. @returns what it prints with --json. */
async function chaingrad(...args: readonly string[]): Promise<Record<string, never>> {
  const entry = fileURLToPath(new URL('../../packages/cli/src/cli.ts', import.meta.url));
  const child = spawn(process.execPath, [...sourceFlags, entry, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  const code = await new Promise((done, failed) => child.on('close', done).on('error', failed));
  if (code !== 0) throw new Error(`chaingrad ${args[0]} ended with ${code}.`);
  return JSON.parse(text);
}

/** Says every minute how far the training is, until it has ended. */
async function watch(page: Page): Promise<void> {
  const state = () => page.textContent('#train-state');
  const ended = page.waitForSelector('#trained:visible', { timeout: 0 }).then(() => true);
  const failed = page.waitForSelector('#notice:visible', { timeout: 0 }).then(async () => {
    throw new Error(`The page says: ${await page.textContent('#notice-text')}`);
  });
  // The one that loses the race ends with the page.
  for (const each of [ended, failed]) each.catch(() => {});
  const minute = () => new Promise<false>((done) => setTimeout(() => done(false), MINUTE).unref());
  while (!(await Promise.race([ended, failed, minute()]))) {
    const note = (await page.locator('#results').isVisible()) ? await page.textContent('#ap-rows') : '';
    console.error(`page: ${await state()} ${note}`);
  }
}

async function learnInPage(): Promise<Reached> {
  const server = await serveStudio();
  const browser = await startChromium([], false);
  try {
    const context = await browser.newContext({ viewport: { width: 1200, height: 850 } });
    const page = await context.newPage();
    await openStudio(page, server.url);
    await page.selectOption('#backend', 'wasm');
    await said(page, '#status', /Runs on WASM/);
    const status = await page.textContent('#status');
    await page.click('#tab-train');
    const begun = performance.now();
    await page.setInputFiles('#voc', folder!);
    await said(page, '#next', /held out to measure with/);
    const pictures = await page.textContent('#task');
    console.error(
      `page: ${status} ${pictures} Read in ${((performance.now() - begun) / 1000).toFixed(0)} s.`,
    );
    const most = Number(await page.getAttribute('#steps', 'max'));
    if (updates > most) throw new Error(`The page takes ${most} steps at most.`);
    await page.fill('#steps', String(updates));
    const started = performance.now();
    await page.click('#train-start');
    await watch(page);
    const seconds = (performance.now() - started) / 1000;
    const done = (await page.textContent('#train-state'))!;
    const rows = await page.locator('#ap-rows tr').evaluateAll((list) =>
      list.map((row) => {
        const meter = row.querySelector('meter');
        return [row.querySelector('td')!.textContent!, meter === null ? null : meter.value] as const;
      }),
    );
    const [, map] = rows.pop()!;
    const best = await page.textContent('#results-note');
    await page.click('#use-tuned');
    await page.click('#take-model summary');
    await writeFile(pageModel, await saved(page, '[data-save=npz]'));
    return {
      updates: Number(/\d+/.exec(done)![0]),
      seconds,
      map: map!,
      ap: Object.fromEntries(rows),
      note: `${status} ${pictures} ${done} ${best}`,
    };
  } finally {
    await browser.close();
    await server.close();
    await rm((await builtStudio()).folder, { recursive: true });
  }
}

async function learnByCommand(updatesOfPage: number): Promise<Reached> {
  const run = join(out, 'run');
  await rm(run, { recursive: true, force: true });
  // The page chooses the best model by the pictures held out, too.
  const splits = ['--val-split', 'test', '--test-split', 'test'];
  const { map, ap, training } = (await chaingrad(
    ...['finetune', '--data', folder!, '--out', run, '--backend', 'wasm'],
    // As the page sees its pictures.
    ...['--updates', String(updatesOfPage), '--size', '300', '--tiles', '1', ...splits],
  )) as unknown as Reached & { readonly training: { readonly updates: number; readonly seconds: number } };
  return { map, ap, ...training, note: 'with its defaults, at 300 x 300' };
}

/** Of an earlier run; null where there is none. */
const kept = async (name: string): Promise<Reached | null> =>
  existsSync(join(out, `${name}.json`))
    ? JSON.parse(await readFile(join(out, `${name}.json`), 'utf8'))
    : null;
async function side(name: 'page' | 'command', learn: () => Promise<Reached>): Promise<Reached | null> {
  if (options.only !== undefined && options.only !== name) return kept(name);
  const reached = await learn();
  await writeFile(join(out, `${name}.json`), `${JSON.stringify(reached, null, 2)}\n`);
  return reached;
}

const loadBefore = loadavg()[0]!;
const page = await side('page', learnInPage);
const command = await side('command', () => learnByCommand(page?.updates ?? updates));
if (page === null || command === null) {
  console.log(`${options.only} is done, the other side is not: run it with --only.`);
  process.exit();
}
const again = (await chaingrad(
  ...['evaluate', '--weights', pageModel, '--data', folder, '--split', 'test', '--backend', 'wasm'],
)) as unknown as Pick<Reached, 'map' | 'ap'>;

const names = Object.keys(command.ap);
const figure = (value: number | null | undefined) => (value == null ? '-' : value.toFixed(4));
const row = (title: string, { map, ap }: Pick<Reached, 'map' | 'ap'>, of: Partial<Reached>) =>
  `| ${[
    title,
    of.updates ?? '',
    of.seconds === undefined ? '' : `${of.seconds.toFixed(0)} s`,
    ...names.map((name) => figure(ap[name])),
    figure(map),
  ].join(' | ')} |`;
console.log(
  `${cpus()[0]?.model}, ${cpus().length} cores, load ${loadBefore.toFixed(1)} before and ${loadavg()[0]!.toFixed(1)} after, Node ${process.versions.node}\n${page.note}\n`,
);
console.log(
  `| | updates | time | ${names.join(' | ')} | mAP@.5 |\n|---|---:|---:|${'---:|'.repeat(names.length + 1)}`,
);
console.log(row('the page, by its own measure', page, page));
console.log(row('its detector, by the command', again, {}));
console.log(row('the command', command, command));
const difference = page.map - command.map;
console.log(
  `\nmAP of the page ${difference >= 0 ? '+' : '-'}${Math.abs(difference).toFixed(4)} against the command's, after ${page.updates} and ${command.updates} updates`,
);
process.exitCode = Math.abs(difference) <= TOLERANCE ? 0 : 1;
