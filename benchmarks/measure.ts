/** One measurement: one side, one network, in a process or page of its own. */
import { type GpuWork, gpuWorkOf } from '../packages/cli/src/commands/bench/gpu-work.ts';
import { type Limits, measureLimits } from './limits.ts';
import { flopsOf, type Graph, single } from './models/graph.ts';
import { graphOf } from './models/index.ts';
import { drawInput } from './models/weights.ts';
import { isOnGpu, loadSide, type Platform, type Side, type SideName } from './sides/side.ts';

/** `serial` is a forward pass on one thread whose jobs are divided as for `SERIAL_THREADS`, to know what is not divided. */
export type Task = 'forward' | 'predict' | 'train' | 'layers' | 'serial';

/** Threads for which the jobs of `serial` are divided. */
export const SERIAL_THREADS = 8;

/** Shares of the time of a pass on one thread; medians over the runs. */
export interface SerialShare {
  readonly threads: number;
  /** What is not inside jobs that are divided among threads. */
  readonly serial: number;
  /** The least that so many threads could take: the serial part, and of each job the thread with the most items. */
  readonly least: number;
}

export interface Job {
  readonly side: SideName;
  readonly model: string;
  readonly tasks: readonly Task[];
  readonly batch: number;
  readonly threads: number;
  /** Parameters are drawn, not read from files. */
  readonly drawn: boolean;
  /** As of `OpenOptions`. */
  readonly cacheBytes?: number;
  readonly softwareGpu?: boolean;
  /** Before layers, measure what a thread reaches at most; its program is a file of `prepare`. */
  readonly limits?: boolean;
  /** Runs before the clock counts, then at least `minRuns` runs, and more until `seconds` are over. */
  readonly warmup: number;
  readonly minRuns: number;
  readonly seconds: number;
}

export interface LayerTime {
  readonly name: string;
  /** Layers of this shape in the network. */
  readonly count: number;
  readonly gflop: number;
  readonly ms: number;
  /** As of `TaskTimes`. */
  readonly cpuMs?: number;
  /** Without what carries the input in and the output out; of sides that can tell. */
  readonly computeMs?: number;
}

/** Milliseconds. */
export interface TaskTimes {
  readonly firstMs: number;
  readonly runs: readonly number[];
  /** Computing time of a run, all threads together: well below the clock's, other programs had the processor. */
  readonly cpuMs?: number;
}

/** Milliseconds throughout. */
export interface Measurement {
  readonly info: string;
  /** The kind of code that computed; absent in results of before it was told. */
  readonly code?: string;
  /** Importing the library. */
  readonly importMs: number;
  /** Starting it, reading the parameters, making the network ready. */
  readonly loadMs: number;
  readonly tasks: Partial<Record<Task, TaskTimes>>;
  readonly layers?: readonly LayerTime[];
  /** What one thread of this process reached at most, measured before the layers. */
  readonly limits?: Limits;
  /** Outputs of the first forward pass, channels last. */
  readonly outputs?: readonly Float32Array[];
  /** Losses of the training steps. */
  readonly losses?: readonly number[];
  readonly serial?: SerialShare;
  /** Of a forward pass, of sides on WebGPU. */
  readonly gpu?: GpuWork;
  /** Boxes found in the photo. */
  readonly found?: number;
}

const now = () => performance.now();

async function timed<R>(fn: () => Promise<R>): Promise<[ms: number, result: R]> {
  const start = now();
  const result = await fn();
  return [now() - start, result];
}

/** The first run, then the runs that count. */
async function repeat(
  fn: () => Promise<unknown>,
  { warmup, minRuns, seconds }: Job,
  { cpuMs }: Platform,
): Promise<TaskTimes> {
  const [firstMs] = await timed(fn);
  for (let i = 1; i < warmup; i++) await fn();
  const runs: number[] = [];
  const cpuBefore = cpuMs?.();
  const end = now() + seconds * 1000;
  while (runs.length < minRuns || (now() < end && runs.length < 200)) runs.push((await timed(fn))[0]);
  if (cpuMs === undefined || cpuBefore === undefined) return { firstMs, runs };
  return { firstMs, runs, cpuMs: (cpuMs() - cpuBefore) / runs.length };
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Every convolution and dense layer alone, equal ones once. */
async function measureLayers(side: Side, graph: Graph, job: Job, platform: Platform): Promise<LayerTime[]> {
  const layers = new Map<string, LayerTime>();
  for (const node of graph.nodes) {
    if (node.op !== 'conv' && node.op !== 'dense') continue;
    const { name: _, inputs: __, W: ___, b: ____, ...shape } = node;
    const key = JSON.stringify(shape);
    const known = layers.get(key);
    if (known !== undefined) {
      layers.set(key, { ...known, count: known.count + 1 });
      continue;
    }
    const alone = single(graph, node);
    const runner = await side.open(alone, { ...job, drawn: true, platform });
    runner.input(drawInput(alone, job.batch));
    const { runs, cpuMs } = await repeat(() => runner.forward(), job, platform);
    const { compute } = runner;
    const computing = compute === undefined ? null : await repeat(compute, job, platform);
    runner.dispose?.();
    layers.set(key, {
      name: node.name,
      count: 1,
      gflop: (job.batch * flopsOf(node)) / 1e9,
      ms: median(runs),
      ...(cpuMs !== undefined && { cpuMs }),
      ...(computing !== null && { computeMs: median(computing.runs) }),
    });
  }
  return [...layers.values()];
}

/** Does what a job says. */
export async function measure(job: Job, platform: Platform): Promise<Measurement> {
  const graph = graphOf(job.model);
  const input = drawInput(graph, job.batch);
  const [importMs, side] = await timed(() => loadSide(job.side));
  if (job.tasks.includes('layers')) {
    const limits = job.limits ? await measureLimits(platform) : undefined;
    const layers = await measureLayers(side, graph, job, platform);
    return { info: '', importMs, loadMs: 0, tasks: {}, layers, limits };
  }
  const [loadMs, runner] = await timed(() => side.open(graph, { ...job, platform }));
  runner.input(input);
  const tasks: Measurement['tasks'] = {};
  let outputs: Float32Array[] | undefined;
  const losses: number[] = [];
  let found: number | undefined;
  let serial: SerialShare | undefined;
  let gpu: GpuWork | undefined;
  for (const task of job.tasks) {
    if (task === 'forward') {
      tasks.forward = await repeat(
        async () => {
          const out = await runner.forward();
          outputs ??= out.map((data) => data.slice());
        },
        job,
        platform,
      );
      if (isOnGpu(job.side)) gpu = await gpuWorkOf(() => runner.forward());
    } else if (task === 'predict') {
      if (runner.predict === undefined) throw new Error(`${job.side} has no predict`);
      const photo = await platform.photo();
      const predict = runner.predict;
      tasks.predict = await repeat(
        async () => {
          found = await predict(photo);
        },
        job,
        platform,
      );
    } else if (task === 'serial') {
      if (runner.logJobs === undefined) throw new Error(`${job.side} has no log of its jobs`);
      const log = runner.logJobs(SERIAL_THREADS);
      const shares: { serial: number; least: number }[] = [];
      tasks.serial = await repeat(
        async () => {
          log.take();
          const [total] = await timed(() => runner.forward());
          const { divided, longest } = log.take();
          const rest = total - divided;
          shares.push({ serial: rest / total, least: (rest + longest) / total });
        },
        job,
        platform,
      );
      log.end();
      const counted = shares.slice(-tasks.serial.runs.length);
      const middle = (of: 'serial' | 'least') => median(counted.map((one) => one[of]));
      serial = { threads: SERIAL_THREADS, serial: middle('serial'), least: middle('least') };
    } else {
      if (runner.train === undefined) throw new Error(`${job.side} cannot train ${job.model}`);
      const train = runner.train;
      tasks.train = await repeat(async () => losses.push(await train()), job, platform);
    }
  }
  return {
    ...{ info: runner.info, code: runner.code, importMs, loadMs, tasks, found, serial, gpu },
    outputs: outputs === undefined ? undefined : (runner.channelsLast?.(outputs) ?? outputs),
    losses: losses.length === 0 ? undefined : losses,
  };
}
