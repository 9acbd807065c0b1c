/** What the project sets itself, and what came out. */
import { existsSync, readFileSync } from 'node:fs';
import type { SerialShare, Task } from '../measure.ts';
import { isOnGpu, type SideName } from '../sides/side.ts';
import { root } from './paths.ts';
import { rooflineOf } from './roofline.ts';
import type { CaseResult } from './run.ts';
import { median, type Spread, spread } from './stats.ts';

/** Quotients, and shares from 0 to 1 that are told in per cent. */
type Unit = 'x' | '%';

/** A quotient or share as reports tell it. */
export const measured = (value: number, unit: Unit) =>
  unit === 'x' ? `${value.toFixed(2)}x` : `${(100 * value).toFixed(1)} %`;

export interface Target {
  readonly what: string;
  /** e.g. `>= 4.5x` */
  readonly wanted: string;
  /** The number in it. */
  readonly bound: number;
  readonly unit: Unit;
  /** The quotient or share; null where it was not measured. */
  readonly got: number | null;
  readonly met: boolean | null;
  /** How it came about. */
  readonly how: string;
}

const marks: Partial<Record<SideName, string>> = {
  'chaingrad-wide': 'chaingrad, wide',
  'chaingrad-bytes': 'chaingrad, 8 bits',
  'chaingrad-webgpu': 'chaingrad, WebGPU',
  'onnxruntime-webgpu': 'onnxruntime-web, WebGPU',
  'onnxruntime-node': 'onnxruntime-node (native)',
  litert: 'LiteRT.js',
  pytorch: 'PyTorch (native)',
  'tfjs-layers-kernels': 'tfjs-layers + @chaingrad/kernels',
  'face-api-kernels': 'face-api + @chaingrad/kernels',
};

/** Whether the other sides of a case are compared with this one. */
export const isOurs = (side: SideName): boolean => side === 'chaingrad' || side === 'chaingrad-webgpu';

/** A side as reports name it. */
export const titled = (side: SideName): string => marks[side] ?? side;

export class Results {
  readonly #cases: ReadonlyMap<string, CaseResult>;

  constructor(cases: readonly CaseResult[]) {
    this.#cases = new Map(cases.map((result) => [result.case.id, result]));
  }

  case(id: string): CaseResult | undefined {
    return this.#cases.get(id);
  }

  /** The times of a side; null where they were not measured. */
  times(id: string, side: SideName, task: Task = 'forward'): Spread | null {
    const processes = this.#cases.get(id)?.sides.find((one) => one.side === side)?.processes ?? [];
    const runs = processes.flatMap((one) => (one.tasks[task] === undefined ? [] : [one.tasks[task].runs]));
    return runs.length === 0 ? null : spread(runs);
  }

  /** Computing time of a run, the median over the processes; null where it is not known. */
  cpu(id: string, side: SideName, task: Task): number | null {
    const processes = this.#cases.get(id)?.sides.find((one) => one.side === side)?.processes ?? [];
    const times = processes.flatMap(({ tasks }) => {
      const cpuMs = tasks[task]?.cpuMs;
      return cpuMs === undefined ? [] : [cpuMs];
    });
    return times.length === 0 ? null : median(times);
  }

  /** The largest peak of memory of a side's processes, in bytes. */
  peak(id: string, side: SideName): number | null {
    const processes = this.#cases.get(id)?.sides.find((one) => one.side === side)?.processes ?? [];
    const peaks = processes.flatMap((one) => (one.peakBytes === undefined ? [] : [one.peakBytes]));
    return peaks.length === 0 ? null : Math.max(...peaks);
  }

  /** How many times as long as chaingrad (or another of ours) a side takes: its best process against our median one. */
  speedup(
    id: string,
    side: SideName,
    task: Task = 'forward',
    us: SideName = isOnGpu(side) ? 'chaingrad-webgpu' : 'chaingrad',
  ): number | null {
    const [theirs, ours] = [this.times(id, side, task), this.times(id, us, task)];
    return theirs === null || ours === null ? null : theirs.best / ours.median;
  }

  /** The median over the processes of one task's time over another's. */
  quotient(id: string, over: Task, under: Task): number | null {
    const processes = this.#cases.get(id)?.sides[0]?.processes ?? [];
    const quotients = processes.flatMap(({ tasks }) =>
      tasks[over] === undefined || tasks[under] === undefined
        ? []
        : [median(tasks[over].runs) / median(tasks[under].runs)],
    );
    return quotients.length === 0 ? null : median(quotients);
  }
}

interface ChainerTimes {
  readonly machine: string;
  readonly chainer: string;
  readonly threads_1: Record<string, { median_s: number }>;
  readonly threads_2: Record<string, { median_s: number }>;
}

/** Times of the real Chainer, measured once and kept with the fixtures. */
export function chainerTimes(): ChainerTimes | null {
  const file = `${root}test/fixtures/goldens/timing.json`;
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

/**
 * Every target, in the order of the report.
 *
 * @param cpu the processor, as the system names it: native code gains more from Intel's wider registers.
 */
export function targets(results: Results, cpu: string): Target[] {
  const list: Target[] = [];
  const add = (
    what: string,
    sign: '>=' | '<=',
    bound: number,
    got: number | null,
    how: string,
    unit: Unit = 'x',
  ) =>
    list.push({
      ...{
        what,
        wanted: `${sign} ${unit === 'x' ? `${bound}x` : `${100 * bound} %`}`,
        bound,
        unit,
        got,
        how,
      },
      met: got === null ? null : sign === '>=' ? got >= bound : got <= bound,
    });
  const speed = (what: string, bound: number, id: string, side: SideName, task: Task = 'forward') => {
    const [theirs, ours] = [results.times(id, side, task), results.times(id, 'chaingrad', task)];
    const how = theirs === null || ours === null ? '' : `${ms(theirs.best)} / ${ms(ours.median)}`;
    add(what, '>=', bound, results.speedup(id, side, task), how);
  };
  speed('SSD300, 1 thread, Node 24, against onnxruntime-web', 5.5, 'ssd300-forward', 'onnxruntime-web');
  speed('SSD300, 1 thread, Node 20, against onnxruntime-web', 4, 'ssd300-forward-node20', 'onnxruntime-web');
  speed(
    'SSD300, 2 threads, Node 24, against onnxruntime-web',
    4,
    'ssd300-forward-2threads',
    'onnxruntime-web',
  );
  speed(
    'VGG16 with its dense layers, 1 thread, Node 24, against onnxruntime-web',
    4,
    'vgg16-forward',
    'onnxruntime-web',
  );
  speed('SSD300, 1 thread, Chromium, against onnxruntime-web', 3, 'ssd300-chromium', 'onnxruntime-web');
  speed('SSD300, 1 thread, Firefox, against onnxruntime-web', 3, 'ssd300-firefox', 'onnxruntime-web');
  const inside = (what: string, bound: number, id: string, over: Task, under: Task) => {
    const [a, b] = [results.times(id, 'chaingrad', over), results.times(id, 'chaingrad', under)];
    const how = a === null || b === null ? '' : `${ms(a.median)} / ${ms(b.median)}`;
    add(what, '<=', bound, results.quotient(id, over, under), how);
  };
  inside('SSD300, photo to boxes over the network alone', 1.15, 'ssd300-predict', 'predict', 'forward');
  inside('SSD300, training step over forward, batch 1, 2 threads', 3.3, 'ssd300-train', 'train', 'forward');
  speed(
    'SSD300, 1 thread, Node 24, against native onnxruntime-node',
    /intel/i.test(cpu) ? 1 : 1.7,
    'ssd300-forward',
    'onnxruntime-node',
  );
  const layers = results.case('ssd300-layers');
  const roofline = layers === undefined ? null : rooflineOf(layers);
  const whole = results.times('ssd300-forward', 'chaingrad');
  const bounded = roofline !== null && whole !== null;
  add(
    'SSD300, 1 thread, Node 24, share of the bound of its layers (mixed F(6,3) and F(4,3))',
    '>=',
    0.87,
    bounded ? roofline.bound / whole.median : null,
    bounded ? `${ms(roofline.bound)} / ${ms(whole.median)}` : '',
    '%',
  );
  const serial = results.case('ssd300-serial')?.sides[0]?.processes[0]?.serial;
  add(
    'SSD300, share of the time of 1 thread that threads cannot divide',
    '<=',
    0.04,
    serial?.serial ?? null,
    serial === undefined ? '' : serialText(serial),
    '%',
  );
  speed('SSD300, 1 thread, Node 24, against PyTorch (native)', 1.1, 'ssd300-forward', 'pytorch');
  for (const [threads, id] of [
    ['1 thread', 'ssd300-train-1thread'],
    ['2 threads', 'ssd300-train'],
  ] as const)
    speed(`SSD300, training step, batch 1, ${threads}, against PyTorch (native)`, 1, id, 'pytorch', 'train');
  speed(
    'SSDMobileNetV2, 1 thread, Node 24, against LiteRT.js (relaxed SIMD)',
    1.15,
    'mobilenet-forward',
    'litert',
  );
  speed(
    'SSDMobileNetV2, 1 thread, Node 24, against native onnxruntime-node',
    0.6,
    'mobilenet-forward',
    'onnxruntime-node',
  );
  const chainer = chainerTimes();
  const against = (what: string, bound: number, seconds: number | undefined, ours: Spread | null) => {
    const known = seconds !== undefined && ours !== null;
    const how = known ? `${ms(seconds * 1000)} / ${ms(ours.median)}` : '';
    add(what, '>=', bound, known ? (seconds * 1000) / ours.median : null, how);
  };
  against(
    'SSD300, 1 thread, Node 24, against Chainer (native)',
    2,
    chainer?.threads_1['ssd300_forward_b1']?.median_s,
    results.times('ssd300-forward', 'chaingrad'),
  );
  against(
    'SSD300, training step, batch 1, 2 threads, against Chainer (native)',
    1.4,
    chainer?.threads_2['ssd300_train_step_b1']?.median_s,
    results.times('ssd300-train', 'chaingrad', 'train'),
  );
  const [ours, theirs] = [
    results.peak('ssd300-predict', 'chaingrad'),
    results.peak('ssd300-forward', 'onnxruntime-web'),
  ];
  const both = ours !== null && theirs !== null;
  add(
    'SSD300, peak memory of photo to boxes over that of onnxruntime-web',
    '<=',
    1,
    both ? ours / theirs : null,
    both ? `${mib(ours)} / ${mib(theirs)}` : '',
  );
  return list;
}

/** What the serial share allows. */
export const serialText = ({ threads, least }: SerialShare) =>
  `divided for ${threads} threads, which could be ${(1 / least).toFixed(1)}x as fast at most`;

export const ms = (value: number) =>
  value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(value < 100 ? 1 : 0)} ms`;
export const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
