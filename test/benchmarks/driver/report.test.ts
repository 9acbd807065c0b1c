import { expect } from 'chai';
import { cases, quickCases } from '../../../benchmarks/driver/cases.ts';
import { barPlot } from '../../../benchmarks/driver/plot.ts';
import { markdown, shortReport } from '../../../benchmarks/driver/report.ts';
import type { CaseResult, SideResult } from '../../../benchmarks/driver/run.ts';
import { median, relativeDifference, spread } from '../../../benchmarks/driver/stats.ts';
import { Results, targets } from '../../../benchmarks/driver/targets.ts';
import { unchangedPrograms } from '../../../benchmarks/driver/unchanged.ts';
import type { SideName } from '../../../benchmarks/sides/side.ts';
import { isOnGpu } from '../../../benchmarks/sides/side.ts';

/** A side's processes with these forward times. */
const side = (name: SideName, processes: readonly number[][], peakBytes = 100 * 2 ** 20): SideResult => ({
  side: name,
  processes: processes.map((runs) => ({
    ...{ info: 'test', importMs: 1, loadMs: 2, peakBytes, engine: 'Node 24' },
    tasks: { forward: { firstMs: 3, runs } },
  })),
});

const result = (id: string, sides: readonly SideResult[]): CaseResult => ({
  case: cases.find((one) => one.id === id)!,
  sides,
  load: [0, 1],
  date: '2026-01-01T00:00:00Z',
});

/** Ours: 100 ms. Of the other's processes one is fast, two are slow. */
const measured = [
  result('ssd300-forward', [
    side('chaingrad', [[90, 100, 110], [100], [130]]),
    side('onnxruntime-web', [[1000], [400, 420, 410], [1000]]),
    side('onnxruntime-node', [[80]]),
    { side: 'tfjs-wasm', processes: [], failure: 'could not start' },
  ]),
];

describe('benchmarks/driver/report', () => {
  it('takes medians of processes, and the fastest process', () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([4, 1, 2, 3])).to.equal(2.5);
    expect(spread([[1, 2, 9], [4], [6, 6]])).to.deep.equal({ median: 4, best: 2, min: 1, max: 9 });
  });

  it('compares with the fastest process of the other side', () => {
    const results = new Results(measured);
    expect(results.speedup('ssd300-forward', 'onnxruntime-web')).to.equal(4.1);
    expect(results.speedup('ssd300-forward', 'tfjs-wasm')).to.equal(null);
    expect(results.speedup('ssd512-forward', 'onnxruntime-web')).to.equal(null);
    expect(results.peak('ssd300-forward', 'chaingrad')).to.equal(100 * 2 ** 20);
  });

  it('knows the largest difference of outputs, and outputs that do not fit', () => {
    const reference = [Float32Array.of(1, -2), Float32Array.of(10)];
    expect(relativeDifference([Float32Array.of(1, -1.5), Float32Array.of(10)], reference)).to.equal(0.25);
    expect(relativeDifference([Float32Array.of(1)], reference)).to.be.NaN;
  });

  it('tells targets met, missed and not measured', () => {
    const list = targets(new Results(measured), 'AMD EPYC');
    const of = (text: string) => list.find(({ what }) => what.includes(text))!;
    expect(of('1 thread, Node 24, against onnxruntime-web')).to.deep.include({ got: 4.1, met: false });
    expect(of('LiteRT.js')).to.deep.include({ got: null, met: null });
    expect(of('SSD300, 1 thread, Node 24, against native onnxruntime-node')).to.deep.include({
      ...{ got: 0.8, met: false, wanted: '>= 1.7x' },
    });
    const onIntel = targets(new Results(measured), 'Intel(R) Xeon(R) Processor');
    expect(onIntel.map(({ wanted }) => wanted)).to.include('>= 1x');
    expect(of('SSD300, 1 thread, Node 24, against Chainer')).to.deep.include({ met: true });
    expect(of('Firefox')).to.deep.include({ got: null, met: null });
  });

  it('reports the losing cases and what failed', () => {
    const report = {
      machine: { cpu: 'X', cores: 2, memoryGiB: 1, system: 'Y' },
      versions: {},
      cases: measured,
    };
    const text = markdown(report);
    expect(text).to.include('onnxruntime-node (native) is 1.25 times as fast');
    expect(text).to.match(/tfjs-wasm \| could not start/);
    expect(text).to.match(/4\.10x \| 410 ms \/ 100\.0 ms|4\.10x \| 410 ms \/ 100 ms/);
    expect(shortReport(report)).to.match(/onnxruntime-web +1000 ms +\(400 ms to 1000 ms\) +4\.10x/);
  });

  it('says what kind of code each side ran, where it is known', () => {
    const [chaingrad, pytorch] = [side('chaingrad', [[100]]), side('pytorch', [[90]])];
    const told = {
      ...pytorch,
      processes: pytorch.processes.map((one) => ({ ...one, code: 'native, AVX-512' })),
    };
    const report = {
      machine: { cpu: 'X', cores: 2, memoryGiB: 1, system: 'Y' },
      versions: {},
      cases: [result('ssd300-forward', [chaingrad, told])],
    };
    expect(markdown(report)).to.match(/\| chaingrad \| {2}\| \*\*100 ms/);
    expect(markdown(report)).to.match(/\| PyTorch \(native\) \| native, AVX-512 \| \*\*90\.0 ms/);
    expect(shortReport(report)).to.match(/PyTorch \(native\) .+\[native, AVX-512\]/);
  });

  it('tells what programs of others gain, by their fastest process', () => {
    const programs = [
      result('unchanged-face-api', [
        { ...side('face-api-kernels', [[120], [100], [150]]), difference: 2e-6 },
        side('face-api', [[300], [240], [310]]),
      ]),
      result('unchanged-tfjs-layers', [side('tfjs-layers-kernels', [[1]])]),
    ];
    expect(unchangedPrograms([...measured, ...programs])).to.deep.equal([
      {
        ...{ title: 'face-api.js, photo to faces', before: '300 ms', after: '120 ms' },
        ...{ quotient: 2, difference: 2e-6 },
      },
    ]);
    const report = {
      machine: { cpu: 'X', cores: 2, memoryGiB: 1, system: 'Y' },
      versions: {},
      cases: programs,
    };
    const row = '| face-api.js, photo to faces | 300 ms | 120 ms | **2.00x** | 2.0e-6 |';
    expect(markdown(report)).to.include(row);
    expect(shortReport(report)).to.match(
      /face-api\.js, photo to faces: 300 ms, then 120 ms \(2\.00x\), differs 2/,
    );
  });

  it('draws a bar for each side that was measured', () => {
    const svg = barPlot(measured)!;
    expect(svg.match(/<rect /g)).to.have.length(1 + 3);
    expect(svg)
      .to.include('onnxruntime-node (native)')
      .and.to.match(/^<svg [^>]+>[\s\S]+<\/svg>\s$/);
    expect(barPlot([])).to.equal(null);
  });

  it('has a name of its own for each case, ours first in each', () => {
    expect(new Set(cases.map(({ id }) => id)).size).to.equal(cases.length);
    for (const { id, sides, unchanged } of cases) {
      const onGpu = sides.some(isOnGpu);
      expect(unchanged ? sides : sides.slice(0, 1), id).to.deep.equal(
        unchanged ? [`${sides[1]}-kernels`, sides[1]] : [onGpu ? 'chaingrad-webgpu' : 'chaingrad'],
      );
    }
    expect(quickCases().every(({ processes }) => processes === 1)).to.equal(true);
  });
});
