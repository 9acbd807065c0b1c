/** Everything that computes, in the worker: backend, models, training, what is inside. */
import { clone, gpuLost, keep, type Link, Tensor, useBackend } from '@chaingrad/core';
import { SSDMobileNetV2, toImage } from '@chaingrad/vision';
import { serialize } from '@chaingrad/weights';
import type {
  BackendChoice,
  Detections,
  Figure,
  ModelChoice,
  ModelFacts,
  Started,
  TrainingStart,
  TrainingTask,
  TreeRow,
  Unfinished,
  WorkerEvent,
} from '../protocol.ts';
import { grid, range } from './figures.ts';
import { OpfsStore } from './opfs-store.ts';
import { forgetTask, readTask, Training, unfinished } from './training.ts';

const MAX_MAPS = 36;
const TUNED = 'tuned.npz';

const isFrozen = (link: Link): TreeRow['frozen'] => {
  const params = [...link.params()];
  const frozen = params.filter((param) => param.frozen).length;
  return frozen === 0 ? 'none' : frozen === params.length ? 'all' : 'some';
};

export class Engine {
  readonly #emit: (event: WorkerEvent) => void;
  readonly #tunedStore = new OpfsStore('models');
  #pretrained: SSDMobileNetV2 | null = null;
  #model: { kind: ModelChoice; model: SSDMobileNetV2 } | null = null;
  #training: Training | null = null;

  constructor(emit: (event: WorkerEvent) => void) {
    this.#emit = emit;
  }

  async start(backend: BackendChoice): Promise<Started> {
    if (this.#training !== null) throw new Error('Stop the training before changing the backend.');
    this.#forget();
    const info = await useBackend(backend);
    if (info.name === 'webgpu') this.#watchDevice();
    return {
      ...info,
      isolated: globalThis.crossOriginIsolated,
      hasWebGPU: 'gpu' in navigator,
    };
  }

  /** Values that were on a lost device are gone: go on with WASM, and read the models again. */
  #watchDevice(): void {
    void gpuLost().then(async (message) => {
      const wasTraining = this.#training !== null;
      this.#training = null;
      this.#pretrained = null;
      this.#model = null;
      const started = await this.start('wasm');
      this.#emit({ event: 'deviceLost', message, started });
      if (wasTraining)
        this.#emit({ event: 'failed', message: 'The GPU was lost. Go on from the last saved step.' });
    });
  }

  #forget(): void {
    if (this.#model?.model !== this.#pretrained) this.#model?.model.dispose();
    this.#pretrained?.dispose();
    this.#pretrained = null;
    this.#model = null;
  }

  async #getPretrained(): Promise<SSDMobileNetV2> {
    if (this.#pretrained === null) {
      const response = await fetch(new URL('./detector.data', import.meta.url));
      if (!response.ok) throw new Error(`The detector's weights cannot be read: HTTP ${response.status}.`);
      this.#pretrained = await SSDMobileNetV2.fromPretrained(new Uint8Array(await response.arrayBuffer()));
    }
    return this.#pretrained;
  }

  async loadModel(kind: ModelChoice): Promise<ModelFacts> {
    const previous = this.#model;
    if (kind === 'pretrained') this.#model = { kind, model: await this.#getPretrained() };
    else if (previous?.kind !== 'tuned') {
      this.#model = { kind, model: await SSDMobileNetV2.fromPretrained(await this.#tunedStore.read(TUNED)) };
    }
    if (previous !== null && previous.model !== this.#model!.model && previous.kind === 'tuned')
      previous.model.dispose();
    return this.#facts();
  }

  #current(): { kind: ModelChoice; model: SSDMobileNetV2 } {
    if (this.#model === null) throw new Error('There is no model yet.');
    return this.#model;
  }

  #facts(): ModelFacts {
    const { kind, model } = this.#current();
    return { kind, labelNames: model.labelNames ?? [], params: model.countParams() };
  }

  async detect({ image, threshold }: { image: ImageBitmap; threshold: number }): Promise<Detections> {
    if (this.#model === null) await this.loadModel('pretrained');
    const { model } = this.#current();
    const picture = await toImage(image);
    image.close();
    const start = performance.now();
    const { bboxes, labels, scores } = await model.predict([picture], { scoreThresh: threshold });
    const milliseconds = performance.now() - start;
    const order = Array.from(scores[0]!, (_, i) => i).sort((a, b) => scores[0]![b]! - scores[0]![a]!);
    return {
      bbox: Float32Array.from(order.flatMap((i) => [...bboxes[0]!.subarray(4 * i, 4 * i + 4)])),
      label: Int32Array.from(order, (i) => labels[0]![i]!),
      score: Float32Array.from(order, (i) => scores[0]![i]!),
      labelNames: model.labelNames ?? [],
      milliseconds,
    };
  }

  unfinished(): Promise<Unfinished | null> {
    return unfinished();
  }

  async train(task: TrainingTask): Promise<TrainingStart> {
    const params = [...(this.#model?.model.namedparams() ?? [])];
    const frozen = params.filter(([, param]) => param.frozen).map(([path]) => path);
    return this.#begin({ ...task, frozen }, false);
  }

  async resumeTraining(): Promise<TrainingStart> {
    const task = await readTask();
    if (task === null) throw new Error('There is no training to go on with.');
    return this.#begin(task, true);
  }

  async #begin(task: TrainingTask, resume: boolean): Promise<TrainingStart> {
    if (this.#training !== null) throw new Error('A training is running already.');
    const training = await Training.create(
      task,
      await this.#getPretrained(),
      {
        progress: (iteration, loss, seconds) => this.#emit({ event: 'progress', iteration, loss, seconds }),
        saved: (iteration) => this.#emit({ event: 'saved', iteration }),
      },
      resume,
    );
    this.#training = training;
    void this.#finish(training);
    return training.start;
  }

  async #finish(training: Training): Promise<void> {
    try {
      const { stopped, iteration } = await training.run();
      if (this.#training !== training) return;
      const { model } = training;
      await this.#tunedStore.write(TUNED, await serialize(model));
      const previous = this.#model;
      this.#model = { kind: 'tuned', model };
      if (previous?.kind === 'tuned') previous.model.dispose();
      if (!stopped) await forgetTask();
      this.#training = null;
      this.#emit({ event: 'trained', stopped, iteration });
    } catch (error) {
      if (this.#training !== training) return;
      this.#training = null;
      training.model.dispose();
      this.#emit({ event: 'failed', message: error instanceof Error ? error.message : String(error) });
    }
  }

  pause(paused: boolean): null {
    this.#training?.pause(paused);
    return null;
  }

  stop(): null {
    this.#training?.stop();
    return null;
  }

  async save(format: 'npz' | 'safetensors'): Promise<Uint8Array<ArrayBuffer>> {
    return serialize(this.#current().model, { format });
  }

  async tree(): Promise<TreeRow[]> {
    if (this.#model === null) await this.loadModel('pretrained');
    const { model } = this.#current();
    const links = new Map(model.namedlinks());
    return model.summary([1, 300, 300, 3]).rows.map(({ path, link, params, count, outputShapes }) => ({
      path,
      link,
      params,
      count,
      outputs: (outputShapes ?? []).map((shape) => `(${shape.join(', ')})`).join(' '),
      frozen: isFrozen(links.get(path)!),
    }));
  }

  freeze({ path, frozen }: { path: string; frozen: boolean }): Promise<TreeRow[]> {
    const link = new Map(this.#current().model.namedlinks()).get(path);
    if (link === undefined) throw new Error(`There is no link ${path}.`);
    if (frozen) link.disableUpdate();
    else link.enableUpdate();
    return this.tree();
  }

  async filters(): Promise<Figure> {
    if (this.#model === null) await this.loadModel('pretrained');
    const { W } = this.#current().model.extractor.conv0;
    const [out, channels, height, width] = W.shape as [number, number, number, number];
    const data = await W.tensor.data<'float32'>();
    const size = channels * height * width;
    const ranges = Array.from({ length: out }, (_, i) => range(data, i * size, (i + 1) * size));
    return grid(
      out,
      [height, width],
      (tile, y, x, channel) => {
        const [min, extent] = ranges[tile]!;
        return (data[tile * size + (channel * height + y) * width + x]! - min) / extent;
      },
      12,
      `${out} filters of ${height} x ${width} in RGB, each stretched to its own range`,
    );
  }

  async featureMaps({ image, path }: { image: ImageBitmap; path: string }): Promise<Figure> {
    const { model } = this.#current();
    const link = new Map(model.namedlinks()).get(path);
    if (link === undefined) throw new Error(`There is no link ${path}.`);
    const picture = await toImage(image);
    image.close();
    let seen: Tensor | null = null;
    link.addHook({
      name: 'look-inside',
      forwardPostprocess: ({ out }) => {
        const first = [out].flat().find((value) => value instanceof Tensor);
        if (first === undefined) return;
        seen?.dispose();
        seen = keep(clone(first));
      },
    });
    try {
      await model.predict([picture]);
    } finally {
      link.deleteHook('look-inside');
    }
    const map = seen as Tensor | null;
    if (map === null || map.rank !== 4) {
      map?.dispose();
      throw new Error(`${path} gives no maps.`);
    }
    const [, height, width, channels] = map.shape as [number, number, number, number];
    const data = await map.data<'float32'>();
    map.dispose();
    const count = Math.min(channels, MAX_MAPS);
    const ranges = Array.from({ length: count }, (_, c) => range(data, c, data.length, channels));
    return grid(
      count,
      [height, width],
      (tile, y, x) => {
        const [min, extent] = ranges[tile]!;
        return (data[(y * width + x) * channels + tile]! - min) / extent;
      },
      Math.max(1, Math.floor(72 / height)),
      `${count} of ${channels} maps of ${height} x ${width}, each stretched to its own range`,
    );
  }
}
