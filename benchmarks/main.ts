/** `npm run bench`: measures chaingrad and what it is compared with. `npm run bench -- --help` tells the options. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { bundleForNode, bundleForWeb } from './driver/bundle.ts';
import { type Case, cases, type Engine, quickCases } from './driver/cases.ts';
import { historyEntry, keep, readHistory, revision } from './driver/history.ts';
import { historyPage } from './driver/history-page.ts';
import { installPeers, versions } from './driver/install.ts';
import { load, machine } from './driver/machine.ts';
import { build, results as resultsFolder } from './driver/paths.ts';
import { barPlot } from './driver/plot.ts';
import { preparePhotos } from './driver/prepare.ts';
import { markdown, type Report, rooflineFile, shortReport } from './driver/report.ts';
import { rooflineOf } from './driver/roofline.ts';
import { rooflinePlot } from './driver/roofline-plot.ts';
import { type CaseResult, runCase } from './driver/run.ts';
import { serve } from './driver/server.ts';
import { type SideName, sideNames } from './sides/side.ts';

const help = `npm run bench [-- options]

  (no options)          everything, about 25 minutes; writes benchmarks/results/
  --quick               the main cases, once; ends within 3 minutes
  --list                the names of the cases
  --case <id>           one case; can be given several times, and as a prefix with *: 'ssd300-*'
  --node <major>        under this Node (20, 24, 26), or --engine chromium | firefox
  --threads <n>  --batch <n>  --processes <n>  --side <name> (several times)
                        other than the case says
  --out <dir>           where to write; benchmarks/build/results/ unless everything is measured
  --merge               replace these cases in the results that are there, keep the others
  --report              measure nothing, write the report of the results that are there
  --software-gpu        WebGPU may be computed on the processor, to see that its sides work
  --serve               serve the page on http://localhost:8123 instead, to measure by hand
  --json                print the results as JSON at the end`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    case: { type: 'string', multiple: true },
    node: { type: 'string' },
    engine: { type: 'string' },
    threads: { type: 'string' },
    batch: { type: 'string' },
    processes: { type: 'string' },
    side: { type: 'string', multiple: true },
    out: { type: 'string' },
    merge: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    serve: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    'software-gpu': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** `--quick` must end within 3 minutes, whatever the machine does: cases begin before this, in milliseconds. */
const QUICK_LIMIT = 140_000;

const started = Date.now();
const say = (text: string) => void process.stderr.write(`${text}\n`);

function number(option: 'threads' | 'batch' | 'processes'): number | undefined {
  const text = values[option];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${option} takes a whole number, at least 1`);
  return value;
}

const matches = (id: string, pattern: string) =>
  pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern;

/** The cases that were asked for, changed as asked for. */
function chosen(): Case[] {
  const base = values.quick ? quickCases() : cases;
  const patterns = values.case;
  for (const pattern of patterns ?? [])
    if (!cases.some(({ id }) => matches(id, pattern)))
      throw new Error(`no case '${pattern}'; --list names them`);
  const list =
    patterns === undefined
      ? base
      : (values.quick ? base : cases).filter(({ id }) => patterns.some((pattern) => matches(id, pattern)));
  for (const side of values.side ?? [])
    if (!sideNames.includes(side as SideName))
      throw new Error(`no side '${side}'; there are ${sideNames.join(', ')}`);
  const engine = values.node === undefined ? values.engine : `node-${values.node}`;
  if (engine !== undefined && !/^(node-(20|24|26)|chromium|firefox)$/.test(engine))
    throw new Error(`no engine '${engine}'; there are Node 20, 24, 26, chromium, firefox`);
  return list.map((one) => ({
    ...one,
    engine: (engine as Engine | undefined) ?? one.engine,
    threads: number('threads') ?? one.threads,
    batch: number('batch') ?? one.batch,
    processes: number('processes') ?? one.processes,
    sides: (values.side as SideName[] | undefined) ?? one.sides,
  }));
}

const isWhole = !values.quick && values.case === undefined;
const folder = `${(values.out ?? (isWhole || values.merge ? resultsFolder : `${build}results`)).replace(/\/$/, '')}/`;

const history = `${folder}history/`;

/** Writes the results and what is drawn from them. */
function write(report: Report): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}results.json`, `${JSON.stringify(report, null, 1)}\n`);
  const beside: string[] = [];
  const plot = barPlot(report.cases);
  if (plot !== null) {
    writeFileSync(`${folder}forward.svg`, plot);
    beside.push('![Times of one forward pass](forward.svg)');
  }
  for (const one of report.cases) {
    const roofline = rooflineOf(one);
    if (roofline !== null)
      writeFileSync(`${folder}${rooflineFile(one.case.id)}`, rooflinePlot(one.case.title, roofline));
  }
  const page = historyPage(readHistory(history));
  if (page !== null) {
    writeFileSync(`${folder}history.html`, page);
    beside.push('How it developed from run to run: [history.html](history.html), which opens from the disk.');
  }
  writeFileSync(
    `${folder}README.md`,
    markdown(report).replace('\n## ', `\n${beside.map((text) => `${text}\n\n`).join('')}## `),
  );
}

const stored = (): Report | null =>
  existsSync(`${folder}results.json`) ? JSON.parse(readFileSync(`${folder}results.json`, 'utf8')) : null;

/** The stored results with these in their places. */
function merged(fresh: readonly CaseResult[]): readonly CaseResult[] {
  const old = values.merge ? (stored()?.cases ?? []) : [];
  const all = new Map([...old, ...fresh].map((result) => [result.case.id, result]));
  const order = cases.map(({ id }) => id);
  return [...all.values()].sort((a, b) => order.indexOf(a.case.id) - order.indexOf(b.case.id));
}

async function main(): Promise<void> {
  if (values.help) return say(help);
  if (values.list) {
    for (const { id, title, engine, threads, sides } of cases)
      process.stdout.write(
        `${id.padEnd(28)} ${title}; ${engine}, ${threads} thread(s); ${sides.join(', ')}\n`,
      );
    return;
  }
  if (values.report) {
    const report = stored();
    if (report === null) throw new Error(`there are no results in ${folder}`);
    return write(report);
  }
  const list = chosen();
  installPeers(say);
  await bundleForNode();
  await preparePhotos();
  if (values.serve || list.some(({ engine }) => !engine.startsWith('node'))) await bundleForWeb();
  if (values.serve) {
    const { url } = await serve(8123);
    return say(`${url} (files of a network exist once one of its cases has been run in Node; Ctrl-C ends)`);
  }
  const where = machine();
  say(`${where.cpu}, ${where.cores} cores, ${where.memoryGiB} GiB, ${where.system}; load average ${load()}`);
  const at = revision();
  const deadline = values.quick ? started + QUICK_LIMIT : Infinity;
  const fresh: CaseResult[] = [];
  const report = (): Report => ({ machine: where, versions: versions(), cases: merged(fresh) });
  for (const one of list) {
    say(`${one.id}: ${one.title}, ${one.engine}, ${one.threads} thread(s)`);
    fresh.push(await runCase(one, say, { deadline, softwareGpu: values['software-gpu'] }));
    // After each case: a run that is ended early is not lost.
    write(report());
  }
  const done = { ...report(), cases: fresh };
  if (fresh.some(({ sides }) => sides.some(({ processes }) => processes.length > 0))) {
    keep(history, historyEntry(done, at));
    write(report());
  }
  process.stdout.write(values.json ? `${JSON.stringify(done)}\n` : `${shortReport(done)}\n`);
  say(`\n${Math.round((Date.now() - started) / 1000)} s; load average ${load()}; written to ${folder}`);
}

try {
  await main();
} catch (error) {
  say(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
