/** The results as Markdown. */
import type { SideName } from '../sides/side.ts';
import { absent } from './cases.ts';
import type { Machine } from './machine.ts';
import { type Roofline, rooflineOf } from './roofline.ts';
import type { CaseResult, SideResult } from './run.ts';
import { median, spread } from './stats.ts';
import { chainerTimes, isOurs, measured, mib, ms, Results, serialText, targets, titled } from './targets.ts';
import { unchangedPrograms } from './unchanged.ts';

export interface Report {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly cases: readonly CaseResult[];
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');

const engines: Readonly<Record<string, string>> = { chromium: 'Chromium', firefox: 'Firefox' };
/** An engine as reports name it. */
export const engineName = (engine: string) => engines[engine] ?? engine.replace('node-', 'Node ');

/** The kind of code that a side ran; empty in results of before it was told. */
const codeOf = ({ processes }: SideResult) => processes[0]?.code ?? '';

/** The tasks of a case, a table each. */
function caseTables(result: CaseResult, results: Results): string {
  const { id, title, engine, threads, tasks, processes } = result.case;
  const parts = [`### ${title}, ${engineName(engine)}, ${threads} thread${threads > 1 ? 's' : ''}`];
  const engineVersions = [
    ...new Set(result.sides.flatMap((side) => side.processes.map((one) => one.engine))),
  ];
  const made = [`\`${id}\``, ...engineVersions, `${processes} process${processes > 1 ? 'es' : ''} a side`];
  parts.push(`${made.join(', ')}; load average ${result.load.join(' before, ')} after.`);
  const tellsCode = result.sides.some((side) => codeOf(side) !== '');
  const code = (cell: string) => (tellsCode ? [cell] : []);
  for (const task of tasks) {
    const rows = result.sides.map((side) => {
      const times = results.times(id, side.side, task);
      if (times === null)
        return [titled(side.side), ...code(''), side.failure ?? 'not measured', ...Array(8).fill('')];
      const of = (pick: (one: SideResult['processes'][number]) => number) =>
        ms(median(side.processes.map(pick)));
      const factor = isOurs(side.side) ? null : results.speedup(id, side.side, task);
      const peak = results.peak(id, side.side);
      const cpu = results.cpu(id, side.side, task);
      const difference =
        side.side === result.reference ? 'reference' : (side.difference?.toExponential(1) ?? '');
      return [
        titled(side.side),
        ...code(codeOf(side)),
        `**${ms(times.median)}**`,
        `${ms(times.min)} to ${ms(times.max)}`,
        factor === null ? '' : `${factor.toFixed(2)}x`,
        cpu === null ? '' : ms(cpu),
        of((one) => one.tasks[task]!.firstMs),
        of((one) => one.loadMs),
        of((one) => one.importMs),
        peak === null ? '' : mib(peak),
        task === 'forward' ? difference : '',
      ];
    });
    const head = [
      task,
      ...code('code'),
      'median',
      'all runs',
      'time of chaingrad',
      'CPU',
      'first',
      'load',
      'import',
      'peak',
      'output differs',
    ];
    parts.push(table(head, rows));
    const info = result.sides.flatMap((side) => {
      const one = side.processes[0];
      return one === undefined || one.info === '' ? [] : [`${titled(side.side)}: ${one.info}`];
    });
    if (task === tasks.at(-1) && info.length > 0) parts.push(`${info.join('; ')}.`);
    const serial = result.sides[0]?.processes[0]?.serial;
    if (task === 'serial' && serial !== undefined)
      parts.push(
        `One thread computes, jobs are divided as for ${serial.threads}: ${measured(serial.serial, '%')} of the time is outside of jobs that threads would share; ` +
          `${serialText(serial)}, were all items of a job equally long.`,
      );
    const work = result.sides.flatMap(({ side, processes: [one] }) =>
      one?.gpu === undefined
        ? []
        : [`${titled(side)} ${one.gpu.dispatches} programs, bound to ${mib(one.gpu.bytes)}`],
    );
    if (task === 'forward' && work.length > 0) parts.push(`A pass starts: ${work.join('; ')}.`);
    if (task === 'predict') parts.push(`${result.sides[0]?.processes[0]?.found} boxes found.`);
    const losses = result.sides.flatMap(({ side, processes: [one] }) =>
      one?.losses === undefined ? [] : [`${titled(side)} ${one.losses[0]!.toPrecision(6)}`],
    );
    if (task === 'train' && losses.length > 1) parts.push(`First loss: ${losses.join(', ')}.`);
  }
  return parts.join('\n\n');
}

/** Layer by layer: times, the rate of ours and its share of the bound, how many times as long the others take. */
function layerTable(result: CaseResult): string {
  const { title, engine, id } = result.case;
  const of = (side: SideName) => result.sides.find((one) => one.side === side)?.processes[0]?.layers;
  const ours = of('chaingrad');
  if (ours === undefined) return '';
  const others = result.sides
    .map(({ side }) => side)
    .filter((side) => side !== 'chaingrad' && of(side) !== undefined);
  const roofline = rooflineOf(result);
  /** Cells about the bound, where it was measured. */
  const bounded = (cells: (known: Roofline) => readonly string[]) =>
    roofline === null ? [] : cells(roofline);
  const share = ({ bound, took }: { readonly bound: number; readonly took: number }) =>
    measured(bound / took, '%');
  const rows = ours.map((layer, i) => [
    `${layer.name}${layer.count > 1 ? ` (x${layer.count})` : ''}`,
    layer.gflop.toFixed(3),
    layer.ms.toFixed(2),
    (layer.gflop / (layer.ms / 1000)).toFixed(0),
    ...bounded(({ layers }) => {
      const one = layers[i]!;
      return [one.took.toFixed(2), one.bound.toFixed(2), share(one), one.algorithm];
    }),
    ...others.flatMap((side) => {
      const theirs = of(side)!.find((one) => one.name === layer.name)!;
      return [theirs.ms.toFixed(2), `${(theirs.ms / layer.ms).toFixed(1)}x`];
    }),
  ]);
  const sum = (side: SideName) => of(side)!.reduce((total, { ms: one, count }) => total + one * count, 0);
  const total = ours.reduce((all, { gflop, count }) => all + gflop * count, 0);
  rows.push([
    ...[
      '**sum**',
      total.toFixed(1),
      sum('chaingrad').toFixed(0),
      (total / (sum('chaingrad') / 1000)).toFixed(0),
    ],
    ...bounded((all) => [all.took.toFixed(0), all.bound.toFixed(0), `**${share(all)}**`, '']),
    ...others.flatMap((side) => [sum(side).toFixed(0), `${(sum(side) / sum('chaingrad')).toFixed(1)}x`]),
  ]);
  const head = [
    ...['layer', 'GFLOP', 'chaingrad ms', 'GFLOP/s'],
    ...bounded(() => ['computing ms', 'bound ms', 'share of its bound', 'by']),
    ...others.flatMap((side) => [`${side} ms`, '']),
  ];
  return [
    `### ${title}, ${engineName(engine)}, 1 thread`,
    'Each layer alone, activations fused. GFLOP/s count the multiplications of a direct convolution; Winograd needs a quarter of them.',
    ...bounded(({ limits }) => [
      `The bound of a layer is what its multiply-adds take at ${limits.gflops.toFixed(1)} GFLOP/s, which one thread reached in this process with the same ` +
        'instructions of 128 bits and no memory, or reading and writing its numbers once, if that is more, by the algorithm for which it is the least ' +
        '(F(4,3) and F(6,3) are Winograd, transforms counted). Reading reached ' +
        `${limits.bandwidth.map(([bytes, rate]) => `${rate.toFixed(0)} GB/s of ${bytes / 1024} KiB`).join(', ')}. ` +
        '"Computing" leaves out what carries the input in and the output out.',
      `![Layers against their bounds](${rooflineFile(id)})`,
    ]),
    table(head, rows),
  ].join('\n\n');
}

/** The picture of a case that measured layers. */
export const rooflineFile = (id: string) => `${id}.svg`;

/** The layers that others compute faster. */
function losingLayers({ case: { title }, sides }: CaseResult): string[] {
  const of = (side: SideName) => sides.find((one) => one.side === side)?.processes[0]?.layers ?? [];
  return sides.flatMap(({ side }) => {
    const faster = of('chaingrad').flatMap(({ name, ms: ours }) => {
      const theirs = of(side).find((one) => one.name === name)?.ms;
      return theirs !== undefined && theirs < ours
        ? [`${name} (${theirs.toFixed(3)} ms against ${ours.toFixed(3)} ms)`]
        : [];
    });
    return faster.length === 0 ? [] : [`${title}: ${titled(side)} is faster in ${faster.join(', ')}.`];
  });
}

/** How the cost grows: rows of cases, columns of sides. */
function growth(
  title: string,
  results: Results,
  rows: readonly (readonly [name: string, id: string])[],
): string {
  const known = rows.filter(([, id]) => results.case(id) !== undefined);
  if (known.length < 2) return '';
  const sides = (['chaingrad', 'onnxruntime-web', 'tfjs-wasm'] as const).filter((side) =>
    known.some(([, id]) => results.times(id, side) !== null),
  );
  const cell = (id: string, side: SideName) => {
    const times = results.times(id, side);
    if (times === null) return '';
    const factor = side === 'chaingrad' ? null : results.speedup(id, side);
    return factor === null ? ms(times.median) : `${ms(times.median)} (${factor.toFixed(1)}x)`;
  };
  const lines = known.map(([name, id]) => [name, ...sides.map((side) => cell(id, side))]);
  return `### ${title}\n\n${table(['', ...sides], lines)}`;
}

/** The whole report. */
export function markdown({ machine, versions, cases }: Report): string {
  const results = new Results(cases);
  const dates = cases.map(({ date }) => date.slice(0, 10)).sort();
  const list = targets(results, machine.cpu).filter(({ got }) => got !== null);
  const chainer = chainerTimes();
  const losing = cases.flatMap((result) =>
    result.case.tasks.flatMap((task) =>
      result.sides.flatMap(({ side }) => {
        const factor = isOurs(side) ? null : results.speedup(result.case.id, side, task);
        return factor !== null && factor < 1
          ? [
              `${result.case.title}, ${result.case.threads} thread(s): ${titled(side)} is ${(1 / factor).toFixed(2)} times as fast (\`${result.case.id}\`, ${task}).`,
            ]
          : [];
      }),
    ),
  );
  losing.push(...cases.flatMap(losingLayers));
  const missed = list.filter(({ met }) => met === false);
  const growths = [
    growth('Batch size: SSD300, 1 thread', results, [
      ['1', 'ssd300-forward'],
      ['2', 'ssd300-batch2'],
      ['4', 'ssd300-batch4'],
    ]),
    growth(
      'Image size: the convolutions of VGG16, 1 thread',
      results,
      [96, 160, 224, 320].map((size) => [`${size} x ${size}`, `vgg-convs-${size}`] as const),
    ),
    growth('Threads: SSD300', results, [
      ['1', 'ssd300-forward'],
      ['2', 'ssd300-forward-2threads'],
    ]),
  ].filter((text) => text !== '');
  const programs = unchangedPrograms(cases).map(({ title, before, after, quotient, difference }) => [
    ...[title, before, after, `**${quotient.toFixed(2)}x**`, difference.toExponential(1)],
  ]);
  const layers = cases.filter((result) => result.case.tasks.includes('layers')).map(layerTable);
  const timed = cases.filter((result) => !result.case.tasks.includes('layers'));
  const parts = [
    '# Benchmarks',
    `Measured ${dates[0]}${dates.at(-1) === dates[0] ? '' : ` to ${dates.at(-1)}`} by \`npm run bench\` on ${machine.cpu}, ${machine.cores} cores, ` +
      `${machine.memoryGiB} GiB, ${machine.system}.`,
    `Versions: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    'All sides have the same parameters and take the same numbers; a run starts with a Float32Array and ends with one. A side runs in ' +
      'processes of its own, in turn with the others. **Median** is the median over the processes of their medians; "time of chaingrad" ' +
      'divides the median of the *fastest* process of the other side by our median, so a slow process of theirs does not count for us. ' +
      '"Output differs" is the largest difference from the reference, in parts of the largest output. "CPU" is the computing time of a run, all threads together: where it is well below the median, ' +
      'other programs had the processor and the row should be measured again.',
    ...(list.length === 0
      ? []
      : [
          '## Targets',
          table(
            ['', 'wanted', 'measured', 'from', ''],
            list.map(({ what, wanted, unit, got, how, met }) => [
              what,
              wanted,
              measured(got!, unit),
              how,
              met ? 'met' : '**missed**',
            ]),
          ),
          ...(chainer === null
            ? []
            : [
                `Chainer ${chainer.chainer} was measured before, not in this run, on ${chainer.machine}; a machine of the same kind. It computes natively, with OpenBLAS and AVX-512.`,
              ]),
        ]),
    '## Where others win, and what they cannot do',
    [
      ...losing.map((text) => `- ${text}`),
      ...missed.map(
        ({ what, wanted, unit, got }) =>
          `- Target missed: ${what}, ${measured(got!, unit)} instead of ${wanted}.`,
      ),
      ...absent.map(([side, why]) => `- ${titled(side)} ${why}`),
    ].join('\n'),
    ...(programs.length === 0
      ? []
      : [
          '## Programs that we did not write, unchanged',
          'On tfjs-backend-wasm as it comes, and with `installFastKernels` called before them; 1 thread.',
          table(['', 'before', 'after', 'quotient', 'outputs differ'], programs),
        ]),
    ...(growths.length === 0 ? [] : ['## How the cost grows', ...growths]),
    ...layers.filter((text) => text !== ''),
    '## All measurements',
    ...timed.map((result) => caseTables(result, results)),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The lines that are printed at the end of a run. */
export function shortReport({ machine, cases }: Report): string {
  const results = new Results(cases);
  const lines: string[] = [];
  for (const { case: one, sides } of cases) {
    if (one.tasks.includes('layers')) continue;
    lines.push('', `${one.title}, ${engineName(one.engine)}, ${one.threads} thread(s), batch ${one.batch}`);
    for (const task of one.tasks)
      for (const result of sides) {
        const { side, processes, failure, difference } = result;
        const name = `  ${task.padEnd(8)} ${titled(side).padEnd(32)}`;
        const runs = processes.flatMap(({ tasks }) => (tasks[task] === undefined ? [] : [tasks[task].runs]));
        if (runs.length === 0) {
          lines.push(`${name} ${failure ?? 'not measured'}`);
          continue;
        }
        const times = spread(runs);
        const factor = isOurs(side) ? null : results.speedup(one.id, side, task);
        const peak = results.peak(one.id, side);
        const cpu = results.cpu(one.id, side, task);
        lines.push(
          `${name} ${ms(times.median).padStart(9)}  (${ms(times.min)} to ${ms(times.max)})` +
            `${factor === null ? '' : `  ${factor.toFixed(2)}x`}${cpu === null ? '' : `  CPU ${ms(cpu)}`}${peak === null ? '' : `  peak ${mib(peak)}`}` +
            `${difference === undefined ? '' : `  differs ${difference.toExponential(1)}`}` +
            `${codeOf(result) === '' ? '' : `  [${codeOf(result)}]`}`,
        );
      }
  }
  const programs = unchangedPrograms(cases);
  if (programs.length > 0) lines.push('', 'Programs that we did not write, unchanged');
  for (const { title, before, after, quotient, difference } of programs)
    lines.push(
      `  ${title}: ${before}, then ${after} (${quotient.toFixed(2)}x), differs ${difference.toExponential(1)}`,
    );
  const list = targets(results, machine.cpu).filter(({ got }) => got !== null);
  if (list.length > 0) lines.push('', 'Targets');
  for (const { what, wanted, unit, got, how, met } of list)
    lines.push(`  ${met ? 'met   ' : 'MISSED'} ${what}: ${measured(got!, unit)} (wanted ${wanted}; ${how})`);
  return lines.join('\n');
}
