/** The history as a page: HTML with SVG in it, no script, so that it opens from the disk. */
import type { SideName } from '../sides/side.ts';
import type { HistoryCase, HistoryEntry, HistorySide } from './history.ts';
import { colours, escaped } from './plot.ts';
import { engineName } from './report.ts';
import { measured, ms, titled } from './targets.ts';

interface Point {
  /** Which run of the machine. */
  readonly run: number;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

interface Series {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly Point[];
}

interface Chart {
  readonly title: string;
  readonly series: readonly Series[];
  readonly text: (value: number) => string;
  /** A logarithmic scale shows the same gain as the same distance, for a side of 20 ms and one of 2 s; else the scale begins at 0. */
  readonly logarithmic: boolean;
  readonly bound?: { readonly value: number; readonly text: string };
}

/** In units of the picture, which is as wide as a phone. */
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [360, 200, 56, 14, 10, 24];

/** Distinguishable without colours too. */
const marks: readonly ((x: number, y: number) => string)[] = [
  (x, y) => `<circle cx="${x}" cy="${y}" r="4"/>`,
  (x, y) => `<rect x="${x - 3.5}" y="${y - 3.5}" width="7" height="7"/>`,
  (x, y) => `<path d="M${x} ${y - 5}l5 9h-10z"/>`,
  (x, y) => `<path d="M${x} ${y - 5}l5 5-5 5-5-5z"/>`,
  (x, y) => `<path d="M${x} ${y + 5}l5-9h-10z"/>`,
  (x, y) => `<path d="M${x - 1.5} ${y - 5}h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z"/>`,
];
const markOf = (series: number) => marks[series % marks.length]!;

const round = (value: number) => Math.round(value * 10) / 10;

/** Round values for the lines of a scale. */
function ticks(low: number, high: number, logarithmic: boolean): number[] {
  const power = 10 ** Math.floor(Math.log10(logarithmic ? low : high - low || 1));
  if (!logarithmic) {
    const step = power * ([0.25, 0.5, 1, 2].find((one) => (high - low) / (one * power) <= 5) ?? 2.5);
    return Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => i * step);
  }
  const steps = high / low > 30 ? [1] : high / low > 6 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
  return Array.from({ length: 9 }, (_, i) => steps.map((step) => step * power * 10 ** i))
    .flat()
    .filter((value) => value >= low && value <= high);
}

function svg({ title, series, text, logarithmic, bound }: Chart, dates: readonly string[]): string {
  const values = series.flatMap(({ points }) =>
    points.flatMap(({ value, low = value, high = value }) => [low, high]),
  );
  if (bound !== undefined) values.push(bound.value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  // At least a factor of two, so that noise does not fill the picture.
  const margin = Math.max(1.1, Math.sqrt((2 * least) / most));
  const [low, high] = logarithmic ? [least / margin, most * margin] : [0, most * 1.1];
  const scaled = (value: number) =>
    logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  const x = (run: number) =>
    round(
      dates.length === 1
        ? (LEFT + WIDTH - RIGHT) / 2
        : LEFT + 12 + (run * (WIDTH - LEFT - RIGHT - 24)) / (dates.length - 1),
    );
  const y = (value: number) => round(HEIGHT - BOTTOM - scaled(value) * (HEIGHT - TOP - BOTTOM));
  const parts: string[] = [];
  for (const value of ticks(low, high, logarithmic))
    parts.push(
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>`,
      `<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${text(value)}</text>`,
    );
  // As many runs as fit are named, the newest among them.
  const every = Math.ceil(dates.length / 3);
  dates.forEach((date, run) => {
    if ((dates.length - 1 - run) % every !== 0) return;
    const anchor =
      run === dates.length - 1 && run > 0 ? 'end' : run === 0 && dates.length > 1 ? 'start' : 'middle';
    const at = x(run) + (anchor === 'end' ? 12 : anchor === 'start' ? -12 : 0);
    parts.push(`<text x="${at}" y="${HEIGHT - 6}" text-anchor="${anchor}">${date.slice(5)}</text>`);
  });
  if (bound !== undefined)
    parts.push(
      `<line class="bound" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(bound.value)}" y2="${y(bound.value)}"/>`,
    );
  series.forEach(({ name, colour, points }, i) => {
    const inside = points.map(({ run, value, low: from = value, high: to = value }) => {
      const label = `${name}, ${dates[run]}: ${text(value)}${from < to ? ` (${text(from)} to ${text(to)})` : ''}`;
      const bar = from < to ? `<line x1="${x(run)}" x2="${x(run)}" y1="${y(from)}" y2="${y(to)}"/>` : '';
      return `<g><title>${escaped(label)}</title>${bar}${markOf(i)(x(run), y(value))}</g>`;
    });
    const line = points.map(({ run, value }) => `${x(run)},${y(value)}`).join(' ');
    parts.push(`<g class="series" style="--c:${colour}"><polyline points="${line}"/>${inside.join('')}</g>`);
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">${parts.join('\n')}</svg>`;
}

/** A chart with its legend, and its numbers as a table. */
function figure(chart: Chart, dates: readonly string[]): string {
  const legend = chart.series.map(({ name, colour, points }, i) => {
    const mark = `<svg class="mark" viewBox="0 0 12 12" aria-hidden="true"><g class="series" style="--c:${colour}">${markOf(i)(6, 6)}</g></svg>`;
    return `<li>${mark}${escaped(name)} <b>${chart.text(points.at(-1)!.value)}</b></li>`;
  });
  if (chart.bound !== undefined) {
    const line =
      '<svg class="dash" viewBox="0 0 24 12" aria-hidden="true"><line class="bound" x2="24" y1="6" y2="6"/></svg>';
    legend.push(`<li>${line}${escaped(chart.bound.text)}</li>`);
  }
  const rows = dates.flatMap((date, run) => {
    const cells = chart.series.map(({ points }) => {
      const point = points.find((one) => one.run === run);
      if (point === undefined) return '';
      const { value, low = value, high = value } = point;
      return low < high
        ? `${chart.text(value)} (${chart.text(low)} to ${chart.text(high)})`
        : chart.text(value);
    });
    return cells.every((cell) => cell === '')
      ? []
      : [`<tr><th scope="row">${date}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`];
  });
  const names = chart.series.map(({ name }) => `<th scope="col">${escaped(name)}</th>`).join('');
  return `<figure><figcaption>${escaped(chart.title)}</figcaption>
${svg(chart, dates)}
<ul>${legend.join('')}</ul>
<details><summary>Numbers</summary><div class="wide"><table><thead><tr><th scope="col">run</th>${names}</tr></thead><tbody>${rows.join('')}</tbody></table></div></details></figure>`;
}

/** Items with the same key, in the order in which the keys appear first. */
function grouped<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}

/** What was told at a run. */
interface Told<T> {
  readonly run: number;
  readonly key: string;
  readonly what: T;
}

/** What was told under each key, oldest run first, in the order of the newest run that has it. */
function byKey<T>(
  runs: readonly HistoryEntry[],
  tell: (entry: HistoryEntry) => readonly (readonly [key: string, what: T])[],
): Told<T>[][] {
  const all = runs.flatMap((entry, run) => tell(entry).map(([key, what]) => ({ run, key, what })));
  const newestFirst = [...all].sort((a, b) => b.run - a.run);
  return grouped(newestFirst, ({ key }) => key).map((group) => group.sort((a, b) => a.run - b.run));
}

function targetCharts(runs: readonly HistoryEntry[]): Chart[] {
  return byKey(runs, ({ targets }) => targets.map((target) => [target.what, target])).map((told) => {
    const { what, bound, wanted, unit } = told.at(-1)!.what;
    const points = told.map(({ run, what: target }) => ({ run, value: target.got }));
    return {
      title: what,
      series: [{ name: 'measured', colour: colours.chaingrad, points }],
      text: (value: number) => measured(value, unit),
      logarithmic: false,
      bound: { value: bound, text: `wanted ${wanted}` },
    };
  });
}

const caseTitle = ({ title, engine, threads, batch }: HistoryCase, task: string) =>
  [
    ...[title, ...(title.includes(task) || task === 'layers' ? [] : [task]), engineName(engine)],
    `${threads} thread${threads > 1 ? 's' : ''}`,
    ...(batch > 1 && !title.includes('batch') ? [`batch ${batch}`] : []),
  ].join(', ');

/** A line for each side. */
function sideCharts(
  runs: readonly HistoryEntry[],
  pick: (side: HistorySide) => readonly (readonly [what: string, point: Omit<Point, 'run'>])[],
  chart: Pick<Chart, 'text' | 'logarithmic'>,
): Chart[] {
  const told = byKey(runs, ({ cases }) =>
    cases.flatMap((one) =>
      (Object.entries(one.sides) as [SideName, HistorySide][]).flatMap(([side, measured]) =>
        pick(measured).map(([what, point]) => {
          const title = caseTitle(one, what);
          return [`${one.id} ${title}`, { title, side, point }] as const;
        }),
      ),
    ),
  );
  return told.map((points) => {
    const series = grouped(points, ({ what }) => what.side).map((same) => {
      const { side } = same[0]!.what;
      return {
        name: titled(side),
        colour: colours[side],
        points: same.map(({ run, what }) => ({ run, ...what.point })),
      };
    });
    return { title: points[0]!.what.title, series, ...chart };
  });
}

/** The table of the runs of a machine. */
function runTable(runs: readonly HistoryEntry[], names: readonly string[]): string {
  const rows = runs.map(({ commit, changed, cases, versions }, run) => {
    const loads = cases.flatMap(({ load }) => load);
    const cells = [
      commit === undefined ? '' : `<code>${escaped(commit)}</code>${changed ? ' and changes' : ''}`,
      `${cases.length}`,
      `${Math.min(...loads)} to ${Math.max(...loads)}`,
      Object.entries(versions)
        .map(([name, version]) => escaped(`${name} ${version}`))
        .join(', '),
    ];
    return `<tr><th scope="row">${names[run]}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const head = ['run', 'commit', 'cases', 'load average', 'versions'].map(
    (name) => `<th scope="col">${name}</th>`,
  );
  return `<div class="wide runs"><table><thead><tr>${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/** All that was measured on one machine. */
function machineSection(runs: readonly HistoryEntry[]): string {
  const { cpu, cores, memoryGiB, system } = runs.at(-1)!.machine;
  const names = runs.map(({ date }) => `${date.slice(0, 10)} ${date.slice(11, 16)}`);
  const times = sideCharts(
    runs,
    ({ tasks }) =>
      Object.entries(tasks).map(([task, { median, min, max }]) => [
        task,
        { value: median, low: min, high: max },
      ]),
    { text: ms, logarithmic: true },
  );
  const peaks = sideCharts(
    runs,
    ({ peakMiB }) => (peakMiB === undefined ? [] : [['peak memory', { value: peakMiB }]]),
    {
      text: (value) => `${Math.round(value)} MiB`,
      logarithmic: false,
    },
  );
  const part = (title: string, about: string, charts: readonly Chart[]) =>
    charts.length === 0
      ? ''
      : `<h3>${title}</h3>\n<p>${about}</p>\n<div class="charts">${charts.map((chart) => figure(chart, names)).join('\n')}</div>`;
  return `<section><h2>${escaped(cpu)}, ${cores} cores</h2>
<p>${memoryGiB} GiB, ${escaped(system)}; ${runs.length} run${runs.length > 1 ? 's' : ''}.</p>
${runTable(runs, names)}
${part('Targets', 'The dashed line is what was wanted of the newest run.', targetCharts(runs))}
${part('Times', 'Medians, with the fastest and the slowest run; shorter is better. The scale is logarithmic: the same gain is the same distance.', times)}
${part('Peak memory', 'The most that a process ever had in RAM.', peaks)}</section>`;
}

const style = `
:root { color-scheme: light dark; --text: #1f2328; --faint: #59636e; --line: #d1d9e0; --back: #fff; --mix: 0%; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e6e6; --faint: #9aa4ae; --line: #3d444d; --back: #14171a; --mix: 40%; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 75rem; margin: 0 auto; padding: 0 1rem 3rem; }
h1 { line-height: 1.2; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1.5rem; align-items: start; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; line-height: 1.3; }
figure > svg { display: block; width: 100%; height: auto; font-size: 12px; fill: var(--faint); }
.grid { stroke: var(--line); }
.bound { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 5 4; }
.series { color: color-mix(in oklab, var(--c), #fff var(--mix)); fill: currentColor; }
.series polyline { fill: none; stroke: currentColor; stroke-width: 2; }
.series line { stroke: currentColor; stroke-width: 1.5; }
.mark, .dash { width: 12px; height: 12px; margin-right: .35em; }
.dash { width: 24px; }
figure ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0 1rem; margin: .25rem 0; padding: 0; font-size: 14px; }
summary { color: var(--faint); font-size: 14px; cursor: pointer; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
th, td { border: 1px solid var(--line); padding: .2rem .5rem; text-align: left; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
td { min-width: 5rem; }
.runs td:last-child { min-width: 20rem; }
`;

/** The page, a section for each machine, the one that was measured last first; null where no run is known. */
export function historyPage(entries: readonly HistoryEntry[]): string | null {
  if (entries.length === 0) return null;
  const machines = grouped([...entries].reverse(), ({ machine: { cpu, cores } }) => `${cpu}, ${cores}`).map(
    (runs) => runs.reverse(),
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>chaingrad benchmarks: development</title>
<style>${style}</style>
<h1>How the benchmarks developed</h1>
<p>A point for each run of <code>npm run bench</code>, drawn by it from the files in <code>history/</code>. Runs on different machines are not
comparable, so each machine has its own charts. The newest run in full: <a href="README.md">README.md</a>.</p>
${machines.map(machineSection).join('\n')}
</html>
`;
}
