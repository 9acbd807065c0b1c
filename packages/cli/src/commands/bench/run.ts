/** Measures a model on this machine: `chaingrad bench`. */
import { cpus, loadavg } from 'node:os';
import { type BackendInfo, type Link, Random } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { CliError } from '../../errors.ts';
import { parseModel } from '../../models.ts';
import { type BackendArguments, startBackend } from '../../start-backend.ts';
import { type GpuWork, gpuWorkOf } from './gpu-work.ts';
import { trainingStep } from './training-step.ts';

export interface BenchOptions extends BackendArguments {
  readonly threads?: number;
  readonly batch: number;
  readonly runs: number;
  readonly train?: boolean;
  readonly json?: boolean;
}

/** Milliseconds: the first run, which also prepares filters or compiles shaders, and the following ones. */
export interface RunTimes {
  readonly first: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** What `--json` prints. Milliseconds and bytes. */
export interface BenchResult {
  readonly model: string;
  readonly batch: number;
  readonly backend: string;
  readonly threads: number | null;
  readonly relaxedSimd: boolean | null;
  readonly wide: boolean | null;
  readonly node: string;
  readonly cpu: string;
  readonly loadAverage: number;
  /** Loading the code and starting the backend. */
  readonly start: number;
  /** Making the model with random parameters. */
  readonly create: number;
  readonly forward: RunTimes;
  readonly train: RunTimes | null;
  /** What one forward pass asks of the GPU, and which it is; null on other backends. */
  readonly gpu: (GpuWork & { readonly adapter: string }) | null;
  /** The most memory that the process had. */
  readonly peakMemory: number;
}

async function timed<R>(fn: () => R | Promise<R>): Promise<[ms: number, result: R]> {
  const begin = performance.now();
  const result = await fn();
  return [performance.now() - begin, result];
}

async function repeat(fn: () => Promise<void>, runs: number): Promise<RunTimes> {
  const [first] = await timed(fn);
  const times: number[] = [];
  for (let i = 0; i < runs; i++) times.push((await timed(fn))[0]);
  times.sort((a, b) => a - b);
  const middle = (times[(runs - 1) >> 1]! + times[runs >> 1]!) / 2;
  return { first, median: middle, min: times[0]!, max: times.at(-1)!, runs };
}

/** The GPU as it names itself, e.g. a software one. */
async function adapterName(): Promise<string> {
  const info = (await navigator.gpu.requestAdapter())?.info;
  return [info?.vendor, info?.architecture, info?.description].filter((text) => text).join(' ') || 'unknown';
}

/** Starts the backend; on wasm with as many threads as were asked for. */
async function start({ backend, wide, threads }: BenchOptions): Promise<BackendInfo> {
  if (threads === undefined) return startBackend({ backend, wide });
  if (backend !== 'wasm' && backend !== 'auto') throw new CliError('--threads is for the backend wasm');
  const info = await startBackend({ backend: 'wasm', wide }, threads);
  if (info.wasm?.threads !== threads)
    throw new CliError(`${threads} threads are not possible here: ${info.notes.join('; ')}`);
  return info;
}

/**
 * Measures a model with random parameters and an image of noise.
 *
 * @param text the model: name[:arg=value,...].
 * @throws UnknownNameError, CliError for a wrong model or threads that are not possible; BackendUnavailableError.
 */
export async function measure(text: string, options: BenchOptions): Promise<BenchResult> {
  const { entry, args } = parseModel(text);
  const { batch, runs } = options;
  const [startMs, info] = await timed(() => start(options));
  const shape: [number, number, number, number] = [
    batch,
    ...(entry.inputShape.slice(1) as [number, number, number]),
  ];
  const [create, model] = await timed(async () => (await entry.create(args)).initialize(shape));
  const pixels = new Float32Array(shape.reduce((a, b) => a * b, 1));
  new Random(0).fillUniform(pixels, -1, 1);
  const call = (x: tf.Tensor4D) =>
    (model as Link & { call(x: tf.Tensor4D): tf.Tensor | tf.Tensor[] }).call(x);
  const pass = async () => {
    const outputs = model.evaluating(() => [call(tf.tensor4d(pixels, shape))].flat());
    // The clock stops when the numbers are there.
    await Promise.all(outputs.map((output) => output.data()));
    tf.dispose(outputs);
  };
  const forward = await repeat(pass, runs);
  const gpu = info.name === 'webgpu' ? { ...(await gpuWorkOf(pass)), adapter: await adapterName() } : null;
  let train: RunTimes | null = null;
  if (options.train) {
    const step = trainingStep(model, batch);
    train = await repeat(async () => {
      const x = tf.tensor4d(pixels, shape);
      await step(x).data();
      x.dispose();
    }, runs);
  }
  model.dispose();
  return {
    ...{ model: text, batch, backend: info.name },
    threads: info.wasm?.threads ?? null,
    relaxedSimd: info.wasm?.relaxedSimd ?? null,
    wide: info.wasm?.wide ?? null,
    node: process.versions.node,
    cpu: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`,
    loadAverage: loadavg()[0]!,
    ...{ start: startMs, create, forward, train, gpu },
    peakMemory: process.resourceUsage().maxRSS * 1024,
  };
}

const ms = (value: number) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;

const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

const line = (name: string, { first, median, min, max, runs }: RunTimes) =>
  `${name.padEnd(14)}${ms(median).padStart(10)}   ${ms(min)} to ${ms(max)} in ${runs} runs; the first took ${ms(first)}`;

/** Runs the command: prints a table, or one JSON object. */
export async function bench(text: string, options: BenchOptions): Promise<void> {
  const result = await measure(text, options);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { backend, threads, relaxedSimd, wide, train, gpu } = result;
  const uses =
    threads === null
      ? ''
      : `, ${threads} thread${threads > 1 ? 's' : ''}${relaxedSimd ? ', relaxed SIMD' : ''}${wide ? ', 256 bits' : ''}`;
  const lines = [
    `${result.model}, batch ${result.batch}, on ${backend}${uses}`,
    `${result.cpu}, Node ${result.node}, load average ${result.loadAverage.toFixed(2)}`,
    '',
    `${'start'.padEnd(14)}${ms(result.start).padStart(10)}`,
    `${'create'.padEnd(14)}${ms(result.create).padStart(10)}`,
    line('forward', result.forward),
    ...(train === null ? [] : [line('training step', train)]),
    ...(gpu === null
      ? []
      : [
          `${'GPU'.padEnd(14)}${gpu.adapter}`,
          `${'a pass'.padEnd(14)}${gpu.dispatches} programs, which are bound to ${mib(gpu.bytes)}; ${mib(gpu.copied)} copied, to and from the CPU`,
        ]),
    `${'peak memory'.padEnd(14)}${mib(result.peakMemory).padStart(10)}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
