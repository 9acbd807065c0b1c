/** A measurement in a page. By hand: open `?side=chaingrad&model=ssd300`; the driver calls `measureJob`. */
import { type Job, type Measurement, measure } from '../measure.ts';
import { modelNames } from '../models/index.ts';
import { type Platform, sideNames } from '../sides/side.ts';

async function bytesOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

const platform: Platform = {
  kind: 'browser',
  read: (name) => bytesOf(`/files/${name}`),
  photo: async () => ({
    data: await bytesOf('/files/photo.rgb'),
    shape: (await (await fetch('/files/photo.json')).json()).shape,
  }),
};

function base64(data: Float32Array): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}

export interface PageMeasurement extends Omit<Measurement, 'outputs'> {
  readonly outputs?: readonly string[];
}

async function measureInPage(job: Job): Promise<PageMeasurement> {
  const { outputs, ...measurement } = await measure(job, platform);
  return { ...measurement, outputs: outputs?.map(base64) };
}

declare global {
  var measureJob: (job: Job) => Promise<PageMeasurement>;
}
globalThis.measureJob = measureInPage;

const element = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const fill = (id: string, names: readonly string[]) =>
  element<HTMLSelectElement>(id).append(...names.map((name) => new Option(name)));

fill(
  'side',
  sideNames.filter((name) => !/^(onnxruntime-node|pytorch|chaingrad-wide|face-api)/.test(name)),
);
fill(
  'model',
  modelNames.filter((name) => name !== 'faces'),
);
const query = new URLSearchParams(location.search);
for (const id of ['side', 'model', 'threads', 'tasks']) {
  const value = query.get(id);
  if (value !== null) element<HTMLInputElement>(id).value = value;
}

element('run').addEventListener('click', async () => {
  const text = (id: string) => element<HTMLInputElement>(id).value;
  const output = element('output');
  output.textContent = 'running ...';
  try {
    const model = text('model');
    const { tasks, gpu, ...times } = await measureInPage({
      side: text('side') as Job['side'],
      model,
      tasks: text('tasks').split(',') as Job['tasks'],
      threads: Number(text('threads')),
      softwareGpu: true,
      drawn: model === 'small' || model.startsWith('vgg-convs'),
      ...{ batch: 1, warmup: 2, minRuns: 5, seconds: 5 },
    });
    const runs = Object.entries(tasks).map(([task, { firstMs, runs }]) => {
      const sorted = [...runs].sort((a, b) => a - b);
      const [low, middle, high] = [0, sorted.length >> 1, sorted.length - 1].map((i) =>
        sorted[i]!.toFixed(1),
      );
      return `${task}: first ${firstMs.toFixed(0)} ms, then ${middle} ms (${low} to ${high}, ${runs.length} runs)`;
    });
    const load = `import ${times.importMs.toFixed(0)} ms, load ${times.loadMs.toFixed(0)} ms`;
    const work =
      gpu === undefined
        ? []
        : [`a pass starts ${gpu.dispatches} programs, bound to ${(gpu.bytes / 2 ** 20).toFixed(0)} MiB`];
    output.textContent = [times.info, times.code, load, ...runs, ...work, navigator.userAgent].join('\n');
  } catch (error) {
    output.textContent = String(error);
  }
});
