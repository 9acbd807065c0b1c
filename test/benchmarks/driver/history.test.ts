import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cases } from '../../../benchmarks/driver/cases.ts';
import { type HistoryEntry, historyEntry, keep, readHistory } from '../../../benchmarks/driver/history.ts';
import { historyPage } from '../../../benchmarks/driver/history-page.ts';
import type { Report } from '../../../benchmarks/driver/report.ts';
import type { CaseResult, SideResult } from '../../../benchmarks/driver/run.ts';
import type { SideName } from '../../../benchmarks/sides/side.ts';

const side = (name: SideName, processes: readonly number[][]): SideResult => ({
  side: name,
  processes: processes.map((runs) => ({
    ...{ info: '', code: 'WASM', importMs: 1, loadMs: 2, peakBytes: 100.4 * 2 ** 20, engine: 'Node 24.1' },
    tasks: { forward: { firstMs: 3, runs, cpuMs: runs[0]! } },
  })),
});

/** A run that took `ours` and four times that on the other side, and two shapes of layers, the second of three layers. */
const run = (date: string, ours: number, cpu = 'AMD EPYC <1>'): Report => {
  const of = (id: string, sides: readonly SideResult[]): CaseResult => ({
    case: cases.find((one) => one.id === id)!,
    ...{ sides, load: [0.5, 1], date },
  });
  const layers = [
    { name: 'a', count: 1, gflop: 1, ms: 1.23456 },
    { name: 'b', count: 3, gflop: 1, ms: 2 },
  ];
  return {
    machine: { cpu, cores: 2, memoryGiB: 8, system: 'Linux' },
    versions: { 'onnxruntime-web': '1.0.0' },
    cases: [
      of('ssd300-forward', [
        side('chaingrad', [[ours, ours + 0.123456], [2 * ours]]),
        side('onnxruntime-web', [[4 * ours]]),
        { side: 'pytorch', processes: [], failure: 'absent' },
      ]),
      of('ssd300-layers', [
        {
          side: 'chaingrad',
          processes: [{ info: '', importMs: 1, loadMs: 1, engine: 'Node 24.1', tasks: {}, layers }],
        },
      ]),
    ],
  };
};

const entry = (date: string, ours: number, cpu?: string): HistoryEntry =>
  historyEntry(run(date, ours, cpu), { commit: 'abc', changed: false });

describe('benchmarks/driver/history', () => {
  it('keeps the median, spread, computing time and peak of every side that was measured', () => {
    const { commit, machine, targets, cases: kept } = entry('2026-01-02T03:04:05Z', 100);
    expect([commit, machine.cores]).to.deep.equal(['abc', 2]);
    expect(kept[0]!.sides).to.deep.equal({
      chaingrad: {
        ...{ code: 'WASM', peakMiB: 100 },
        tasks: { forward: { median: 150, best: 100.1, min: 100, max: 200, cpu: 150 } },
      },
      'onnxruntime-web': {
        ...{ code: 'WASM', peakMiB: 100 },
        tasks: { forward: { median: 400, best: 400, min: 400, max: 400, cpu: 400 } },
      },
    });
    expect(targets.find(({ what }) => what.includes('onnxruntime-web'))).to.deep.equal({
      what: 'SSD300, 1 thread, Node 24, against onnxruntime-web',
      ...{ wanted: '>= 5.5x', bound: 5.5, unit: 'x', got: 2.666 },
    });
  });

  it('keeps each layer, and the sum of all layers as their time', () => {
    const { chaingrad } = entry('2026-01-02T03:04:05Z', 100).cases[1]!.sides;
    expect(chaingrad!.layers).to.deep.equal({ a: 1.235, b: 2 });
    expect(chaingrad!.tasks.layers!.median).to.equal(7.235);
  });

  it('writes a file for each run, and reads them oldest first', () => {
    const folder = `${mkdtempSync(join(tmpdir(), 'chaingrad-history-'))}/`;
    try {
      const [second, first] = [entry('2026-01-02T03:04:05Z', 90), entry('2026-01-01T23:00:00Z', 100)];
      for (const one of [second, first, first]) keep(folder, one);
      expect(readdirSync(folder).sort()).to.deep.equal([
        '2026-01-01-2300-amd-epyc-1.json',
        '2026-01-02-0304-amd-epyc-1.json',
      ]);
      expect(readHistory(folder)).to.deep.equal([first, second]);
      const lines = readFileSync(`${folder}2026-01-01-2300-amd-epyc-1.json`, 'utf8').split('\n');
      expect(lines.filter((line) => line.startsWith('  {"id"'))).to.have.length(2);
      expect(readHistory(`${folder}none/`)).to.deep.equal([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('draws a section for each machine, with a point for each of its runs', () => {
    const runs = [
      entry('2026-01-01T10:00:00Z', 100),
      entry('2026-01-02T10:00:00Z', 50),
      entry('2026-01-03T10:00:00Z', 70, 'Xeon'),
    ];
    const page = historyPage(runs)!;
    expect([...page.matchAll(/<h2>([^<]+)</g)].map(([, name]) => name)).to.deep.equal([
      'Xeon, 2 cores',
      'AMD EPYC &lt;1&gt;, 2 cores',
    ]);
    const figures = page
      .split('<figure>')
      .filter((text) => text.includes('SSD300, forward, Node 24, 1 thread<'));
    expect(figures, 'of each machine').to.have.length(2);
    const titles = [...figures[1]!.matchAll(/<title>([^<]+)</g)].map(([, title]) => title);
    expect(titles).to.deep.equal([
      'chaingrad, 2026-01-01 10:00: 150 ms (100 ms to 200 ms)',
      'chaingrad, 2026-01-02 10:00: 75.0 ms (50.0 ms to 100 ms)',
      'onnxruntime-web, 2026-01-01 10:00: 400 ms',
      'onnxruntime-web, 2026-01-02 10:00: 200 ms',
    ]);
    // The faster run is drawn lower, in the same distance for both sides: the scale is logarithmic.
    const lines = [...figures[1]!.matchAll(/<polyline points="[\d.]+,([\d.]+) [\d.]+,([\d.]+)"/g)];
    const falls = lines.map(([, before, after]) => Number(after) - Number(before));
    expect(falls).to.have.length(2);
    expect(falls[0]).to.be.greaterThan(10).and.closeTo(falls[1]!, 0.11);
    expect(page)
      .to.include('wanted &gt;= 5.5x')
      .and.not.match(/<script|NaN|undefined/);
    expect(historyPage([])).to.equal(null);
  });
});
