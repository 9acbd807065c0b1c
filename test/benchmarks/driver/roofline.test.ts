import { expect } from 'chai';
import { compileAssembly } from '../../../benchmarks/driver/assembly.ts';
import { cases } from '../../../benchmarks/driver/cases.ts';
import { markdown } from '../../../benchmarks/driver/report.ts';
import { bandwidthFor, leastTime, rooflineOf, worksOf } from '../../../benchmarks/driver/roofline.ts';
import { rooflinePlot } from '../../../benchmarks/driver/roofline-plot.ts';
import type { CaseResult, SideResult } from '../../../benchmarks/driver/run.ts';
import { Results, targets } from '../../../benchmarks/driver/targets.ts';
import { type Limits, limitsFile, limitsSource, measureLimits } from '../../../benchmarks/limits.ts';
import { type ConvNode, flopsOf, GraphBuilder } from '../../../benchmarks/models/graph.ts';
import { graphOf } from '../../../benchmarks/models/index.ts';
import type { Platform } from '../../../benchmarks/sides/side.ts';

const limits: Limits = {
  gflops: 59,
  bandwidth: [
    [1024, 100],
    [2 ** 20, 20],
  ],
};

/** The layers of a network, each with the time that its bound times `factor` is. */
function layersResult(id: string, factor: number): CaseResult {
  const one = cases.find((known) => known.id === id)!;
  const nodes = graphOf(one.model).nodes.filter((node) => node.op === 'conv');
  const layers = nodes.map((node) => {
    const took = factor * Math.min(...worksOf(node, 1).map((work) => leastTime(work, limits)));
    return { name: node.name, count: 1, gflop: flopsOf(node) / 1e9, ms: took + 1, computeMs: took };
  });
  const process = { info: '', importMs: 1, loadMs: 1, engine: 'Node 24', tasks: {}, layers, limits };
  return {
    case: one,
    sides: [{ side: 'chaingrad', processes: [process] }],
    load: [0, 0],
    date: '2026-01-01',
  };
}

describe('benchmarks/driver/roofline', () => {
  it('counts what each algorithm of a 3x3 convolution has to do', () => {
    const builder = new GraphBuilder('one', [12, 12, 16]);
    builder.conv('x', 'a', 32, 3, { pad: 1 });
    const works = worksOf(builder.build(['a']).nodes[0] as ConvNode, 2);
    const [inputs, outputs] = [2 * 144 * 16, 2 * 144 * 32];
    expect(works).to.deep.equal([
      {
        ...{ algorithm: 'direct', gflop: (2 * 9 * 16 * outputs) / 1e9 },
        bytes: 4 * (inputs + 9 * 16 * 32 + outputs),
      },
      {
        // 9 tiles of an image; lines of a transform times its instructions, 4 values at a time, twice as each could be a multiply-add.
        ...{ algorithm: 'F(4,3)', gflop: (2 * 18 * (36 * 16 * 32 + 168 * 16 + 120 * 32)) / 1e9 },
        bytes: 4 * (inputs + 36 * 16 * 32 + outputs),
      },
      {
        ...{ algorithm: 'F(6,3)', gflop: (2 * 8 * (64 * 16 * 32 + 416 * 16 + 280 * 32)) / 1e9 },
        bytes: 4 * (inputs + 64 * 16 * 32 + outputs),
      },
    ]);
  });

  it('knows Winograd for nothing but 3x3 of stride 1, and 6x6 tiles for up to 256 channels', () => {
    const of = (model: string, name: string) =>
      worksOf(graphOf(model).nodes.find((node) => node.name === name) as ConvNode, 1).map(
        (work) => work.algorithm,
      );
    expect(of('ssd300', 'extractor/conv4_1')).to.deep.equal(['direct', 'F(4,3)', 'F(6,3)']);
    expect(of('ssd300', 'extractor/conv4_2')).to.deep.equal(['direct', 'F(4,3)']);
    expect(of('ssd300', 'extractor/conv7')).to.deep.equal(['direct']);
    expect(of('ssd300', 'extractor/conv8_2')).to.deep.equal(['direct']);
  });

  it('takes the multiply-adds or the bytes, whichever is more, by the bandwidth of the largest size below', () => {
    expect([10, 1024, 5000, 2 ** 21].map((bytes) => bandwidthFor(bytes, limits))).to.deep.equal([
      100, 100, 100, 20,
    ]);
    expect(leastTime({ algorithm: 'direct', gflop: 59, bytes: 10 }, limits)).to.equal(1000);
    expect(leastTime({ algorithm: 'direct', gflop: 1e-3, bytes: 2e9 }, limits)).to.equal(100);
  });

  it('reports the share of each layer, of all, and of the network', () => {
    const layers = layersResult('ssd300-layers', 1.25);
    const roofline = rooflineOf(layers)!;
    // Each layer is told once here, as no two are called the same.
    expect(roofline.bound / roofline.took).to.be.closeTo(0.8, 1e-9);
    // What was counted by hand for a core that reaches 59 GFLOP/s: 293 ms.
    expect(roofline.bound).to.be.closeTo(293, 3);
    const runs = [[2 * roofline.bound]];
    const forward: SideResult = {
      side: 'chaingrad',
      processes: runs.map((one) => ({
        ...{ info: '', importMs: 1, loadMs: 1, engine: 'Node 24' },
        tasks: { forward: { firstMs: 1, runs: one } },
      })),
    };
    const whole = { ...layers, case: cases.find(({ id }) => id === 'ssd300-forward')!, sides: [forward] };
    const target = targets(new Results([whole, layers]), 'AMD').find(({ what }) =>
      what.includes('share of the bound'),
    )!;
    expect(target).to.deep.include({ got: 0.5, met: false, wanted: '>= 87 %' });
    const text = markdown({
      machine: { cpu: 'X', cores: 2, memoryGiB: 1, system: 'Y' },
      ...{ versions: {}, cases: [whole, layers] },
    });
    expect(text).to.match(/\| extractor\/conv1_2 \| .+ \| 80\.0 % \| F\(6,3\) \|/);
    expect(text).to.match(/\*\*sum\*\* \| .+ \*\*80\.0 %\*\*/);
    expect(text).to.include('](ssd300-layers.svg)').and.to.include('>= 87 % | 50.0 %');
  });

  it('draws a point for each layer', () => {
    const layers = layersResult('mobilenet-layers', 2);
    const roofline = rooflineOf(layers)!;
    const svg = rooflinePlot('Net <1>', roofline);
    const points = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="[\d.]+" [^>]+><title>/g)];
    expect(points).to.have.length(roofline.layers.length).and.length.above(20);
    for (const [, x, y] of points) {
      expect(Number(x)).to.be.within(80, 910);
      expect(Number(y)).to.be.within(60, 500);
    }
    expect(svg)
      .to.include('Net &lt;1&gt;')
      .and.not.match(/NaN|undefined/);
    expect(rooflineOf({ ...layers, sides: [] })).to.equal(null);
  });

  it('measures by programs that compute and read what they say', async () => {
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const relaxed of [false, true]) {
      const source = limitsSource(relaxed);
      const binary = await compileAssembly(source, { relaxed, memoryPages: 2049 });
      files.set(limitsFile(relaxed), new Uint8Array(binary));
    }
    const { instance } = await WebAssembly.instantiate(files.get(limitsFile(false))!);
    const { memory, multiplyAdds, read } = instance.exports as unknown as {
      memory: WebAssembly.Memory;
      multiplyAdds(repeats: number): void;
      read(bytes: number, repeats: number): void;
    };
    new Float32Array(memory.buffer, 0, 8).set([2, 2, 2, 2, 3, 3, 3, 3]);
    multiplyAdds(2);
    // s * 2 + 3, twice, from 0 and from 11.
    const sums = new Float32Array(memory.buffer, 64, 48);
    expect([sums[0], sums[47]]).to.deep.equal([9, 53]);
    const words = new Int32Array(memory.buffer);
    words[65536 / 4 + 4] = 5;
    words[(65536 + 256) / 4 - 1] = 6;
    words[(65536 + 256) / 4] = 7;
    read(256, 1);
    expect([words[20], words[47]], 'of the second vector, and the last').to.deep.equal([5, 6]);
    expect(words[16], 'behind the end').to.equal(0);
    const measured = await measureLimits({
      read: async (name: string) => files.get(name)!,
    } as unknown as Platform);
    expect(measured.gflops).to.be.greaterThan(0);
    expect(measured.bandwidth.map(([bytes]) => bytes / 1024)).to.deep.equal([16, 256, 1024, 8192, 131072]);
  });
});
