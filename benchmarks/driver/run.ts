/** Runs cases: the sides in turn, as many processes as the case says. */
import type { Job } from '../measure.ts';
import type { SideName } from '../sides/side.ts';
import { type Browser, browserBinary, runInBrowser } from './browser.ts';
import type { Case } from './cases.ts';
import { load } from './machine.ts';
import { nodeBinary, pythonBinary, type Ran, type Result, runInNode, runInPython } from './node-process.ts';
import { prepareLimits, prepareModel, preparePytorch, prepareTflite } from './prepare.ts';
import { serve } from './server.ts';
import { relativeDifference } from './stats.ts';

export interface SideResult {
  readonly side: SideName;
  readonly processes: readonly Result[];
  /** Why there is nothing, or less than was asked for. */
  readonly failure?: string;
  /** Largest difference from the outputs of the reference, in parts of the largest. */
  readonly difference?: number;
}

export interface CaseResult {
  readonly case: Case;
  readonly sides: readonly SideResult[];
  /** Whose outputs the others' are compared with. */
  readonly reference?: SideName;
  /** Load average before and after. */
  readonly load: readonly [before: number, after: number];
  readonly date: string;
}

/** Networks whose parameters are drawn in the process, or a program's own: they have no files. */
const isDrawn = (model: string) => model === 'small' || model === 'faces' || model.startsWith('vgg-convs');

/** Sides whose convolutions add up as they are written down. */
const directs = ['tfjs-wasm', 'tfjs-webgpu', 'tfjs-layers', 'face-api'] as const;

type Run = (job: Job) => Promise<Ran>;

/** How a case's engine runs a job, or why it cannot. */
async function engineOf({ engine }: Case): Promise<{ run: Run; close(): void } | string> {
  if (engine.startsWith('node-')) {
    const binary = nodeBinary(engine.slice('node-'.length));
    if (binary === null) return `${engine} could not be installed on this machine`;
    return { run: (job) => runInNode(binary, job), close() {} };
  }
  const browser = engine as Browser;
  const binary = browserBinary(browser);
  if (binary === null)
    return `there is no ${browser} here (its path can be given as ${browser.toUpperCase()}=...)`;
  const { url, close } = await serve();
  return { run: (job) => runInBrowser(browser, binary, url, job), close };
}

/** How PyTorch runs a job, or why it cannot. */
async function pytorch({ model, batch }: Case): Promise<Run | string> {
  const python = pythonBinary();
  if (python === null) return 'there is no PyTorch here (PYTHON=... names a Python that has it)';
  await preparePytorch(model, batch);
  return (job) => runInPython(python, job);
}

export interface RunOptions {
  /** What `Date.now()` says when no more processes are to begin. */
  readonly deadline?: number;
  /** Whether WebGPU may be computed on the processor. */
  readonly softwareGpu?: boolean;
}

export async function runCase(
  one: Case,
  say: (text: string) => void,
  { deadline = Infinity, softwareGpu = false }: RunOptions = {},
): Promise<CaseResult> {
  const before = load();
  const { model, tasks, batch, threads, warmup, minRuns, seconds } = one;
  const drawn = isDrawn(model);
  const failures = new Map<SideName, string>();
  const done = new Map<SideName, Result[]>(one.sides.map((side) => [side, []]));
  const outputs = new Map<SideName, readonly Float32Array[]>();
  const engine = await engineOf(one);
  if (typeof engine === 'string') for (const side of one.sides) failures.set(side, engine);
  else {
    if (!drawn) prepareModel(model);
    if (tasks.includes('layers')) await prepareLimits();
    if (one.sides.includes('litert')) await prepareTflite(model, batch);
    const python = one.sides.includes('pytorch') ? await pytorch(one) : null;
    if (typeof python === 'string') failures.set('pytorch', python);
    const runOf = (side: SideName): Run => (side === 'pytorch' ? (python as Run) : engine.run);
    for (let p = 0; p < one.processes; p++) {
      for (const side of one.sides) {
        if (failures.has(side)) continue;
        if (Date.now() > deadline) {
          failures.set(side, 'not measured: the time was up');
          continue;
        }
        try {
          const { result, outputs: out } = await runOf(side)({
            ...{ side, model, tasks, batch, threads, drawn, warmup, minRuns, seconds },
            ...{ limits: tasks.includes('layers'), softwareGpu },
          });
          done.get(side)!.push(result);
          if (!outputs.has(side) && out.length > 0) outputs.set(side, out);
          say(`  ${side} ${p + 1}/${one.processes}: ${shortly(result)}`);
        } catch (error) {
          const text = error instanceof Error ? error.message : String(error);
          // Behind the message there may be the stack of a page, which no cell of a table holds.
          failures.set(side, text.split('\n', 1)[0]!);
          say(`  ${side}: ${text}`);
        }
      }
    }
    engine.close();
  }
  // Direct convolutions are the measure of the others.
  const reference = ([...directs, 'onnxruntime-web', 'chaingrad'] as const).find((side) => outputs.has(side));
  return {
    case: one,
    sides: one.sides.map((side) => ({
      side,
      processes: done.get(side)!,
      failure: failures.get(side),
      difference:
        reference !== undefined && side !== reference && outputs.has(side)
          ? relativeDifference(outputs.get(side)!, outputs.get(reference)!)
          : undefined,
    })),
    reference,
    load: [before, load()],
    date: new Date().toISOString(),
  };
}

function shortly({ tasks, layers, peakBytes }: Result): string {
  const times = Object.entries(tasks).map(([task, { runs }]) => {
    const sorted = [...runs].sort((a, b) => a - b);
    return `${task} ${sorted[sorted.length >> 1]!.toFixed(1)} ms`;
  });
  if (layers !== undefined) times.push(`${layers.length} shapes`);
  if (peakBytes !== undefined) times.push(`${(peakBytes / 2 ** 20).toFixed(0)} MiB`);
  return times.join(', ');
}
