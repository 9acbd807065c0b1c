/** Everything that computes, in the worker: backend, models, training, what is inside. */
import { clone, gpuLost, keep, Tensor, useBackend } from '@chaingrad/core';
// Also the writer of ONNX files.
import { importTfjs } from '@chaingrad/onnx';
import { CenterNet, type SSD, SSDMobileNetV2, toImage } from '@chaingrad/vision';
import { cocoBboxLabelNames, serialize } from '@chaingrad/weights';
import type { Box } from '../project/project.ts';
import {
  type BackendChoice,
  BUILT_IN,
  type Detections,
  type Explanation,
  type Figure,
  type Measured,
  type ModelEntry,
  type ModelFacts,
  type SavedFormat,
  START,
  type Started,
  savedFormats,
  type TrainingStart,
  type TrainingTask,
  type TreeRow,
  type Unfinished,
  type WorkerEvent,
} from '../protocol.ts';
import { forgiving, openStorage, type Storage } from '../storage/storage.ts';
import { explain } from './explain.ts';
import { grid, range } from './figures.ts';
import { ModelShelf } from './model-shelf.ts';
import { openModel } from './open-model.ts';
import { forgetTask, readTask, Training, unfinished } from './training.ts';
import { readEveryday, readStart } from './weights.ts';

const MAX_MAPS = 36;

type Model = SSD | CenterNet;

/** The detectors that come with the page. */
const builtIns: readonly ModelEntry[] = [
  {
    id: BUILT_IN,
    name: 'Everyday things',
    labelNames: cocoBboxLabelNames,
    note: 'on MobileNetV3, the 80 classes of COCO',
  },
  {
    id: START,
    name: 'Where training starts',
    labelNames: SSDMobileNetV2.pretrained['oid']!.labelNames ?? [],
    note: 'SSD MobileNetV2',
  },
];

export class Engine {
  readonly #emit: (event: WorkerEvent) => void;
  #storage: Storage | null = null;
  /** Of the two that come with the page, what has been needed. */
  #start: SSDMobileNetV2 | null = null;
  #everyday: CenterNet | null = null;
  #model: { entry: ModelEntry; model: Model } | null = null;
  #training: Training | null = null;
  /** Paths of parameters that the user keeps as they are; the next training of any model reads them. */
  readonly #frozen = new Set<string>();

  constructor(emit: (event: WorkerEvent) => void) {
    this.#emit = emit;
  }

  async start({ backend, storage }: { backend: BackendChoice; storage: string }): Promise<Started> {
    if (this.#training !== null) throw new Error('Stop the training before changing the backend.');
    this.#storage ??= await openStorage(storage);
    this.#forget();
    const info = await useBackend(backend);
    if (info.name === 'webgpu') this.#watchDevice();
    return {
      ...info,
      isolated: globalThis.crossOriginIsolated,
      hasWebGPU: 'gpu' in navigator,
    };
  }

  get #shelf(): ModelShelf {
    return new ModelShelf(this.#storage!.area('models'));
  }

  /** Where a training is kept, if there is room for it. */
  get #runs() {
    return forgiving(this.#storage!.area('training'), (why) => this.#emit({ event: 'notKept', why }));
  }

  /** Values that were on a lost device are gone: go on with WASM, and read the models again. */
  #watchDevice(): void {
    void gpuLost().then(async (message) => {
      const wasTraining = this.#training !== null;
      this.#training = null;
      this.#start = null;
      this.#everyday = null;
      this.#model = null;
      const started = await this.start({ backend: 'wasm', storage: '' });
      this.#emit({ event: 'deviceLost', message, started });
      if (wasTraining)
        this.#emit({ event: 'failed', message: 'The GPU was lost. Go on from the last saved step.' });
    });
  }

  #forget(): void {
    for (const model of new Set([this.#model?.model, this.#start, this.#everyday])) model?.dispose();
    this.#start = null;
    this.#everyday = null;
    this.#model = null;
  }

  readonly #tell = (loaded: number, total: number) => this.#emit({ event: 'weights', loaded, total });

  async #getStart(): Promise<SSDMobileNetV2> {
    this.#start ??= await SSDMobileNetV2.fromPretrained(await readStart(this.#tell));
    return this.#start;
  }

  async #getEveryday(): Promise<CenterNet> {
    if (this.#everyday === null) {
      const source = await readEveryday(this.#tell);
      this.#everyday = new CenterNet(await importTfjs(source, { outputs: [...CenterNet.outputs] }));
    }
    return this.#everyday;
  }

  async models(): Promise<ModelEntry[]> {
    return [...builtIns, ...(await this.#shelf.list())];
  }

  #use(entry: ModelEntry, model: Model): ModelFacts {
    const previous = this.#model;
    this.#model = { entry, model };
    if (previous !== null && ![model, this.#start, this.#everyday].includes(previous.model))
      previous.model.dispose();
    return this.#facts();
  }

  async loadModel(id: string): Promise<ModelFacts> {
    if (this.#model?.entry.id === id) return this.#facts();
    const builtIn = builtIns.find((each) => each.id === id);
    if (builtIn !== undefined)
      return this.#use(builtIn, id === START ? await this.#getStart() : await this.#getEveryday());
    const { entry, bytes } = await this.#shelf.read(id);
    return this.#use(entry, await openModel(entry.file, bytes));
  }

  /** A file that the user has; it is kept with the other models. */
  async openModel({ name, bytes }: { name: string; bytes: Uint8Array<ArrayBuffer> }): Promise<ModelFacts> {
    const model = await openModel(name, bytes);
    const labelNames = model.labelNames ?? Array.from({ length: model.nFgClass }, (_, i) => `class ${i + 1}`);
    model.labelNames = labelNames;
    const [, stem, ending] = /^(.*?)\.?(\w+)$/.exec(name)!;
    return this.#use(
      await this.#keep(stem || name, { labelNames, note: `from ${name}` }, bytes, ending!),
      model,
    );
  }

  /** Where there is no room for it, it is still there until the page is left. */
  async #keep(
    name: string,
    about: Pick<ModelEntry, 'labelNames' | 'note'>,
    bytes: Uint8Array,
    ending: string,
  ): Promise<ModelEntry> {
    try {
      return await this.#shelf.add(name, about, bytes, ending);
    } catch (error) {
      this.#emit({ event: 'notKept', why: error instanceof Error ? error.message : String(error) });
      return { id: 'unkept', name, ...about };
    }
  }

  async renameModel({ id, name }: { id: string; name: string }): Promise<ModelEntry[]> {
    await this.#shelf.rename(id, name);
    if (this.#model?.entry.id === id) this.#model = { ...this.#model, entry: { ...this.#model.entry, name } };
    return this.models();
  }

  async removeModel(id: string): Promise<ModelEntry[]> {
    if (this.#model?.entry.id === id) await this.loadModel(BUILT_IN);
    await this.#shelf.remove(id);
    return this.models();
  }

  async #current(): Promise<{ entry: ModelEntry; model: Model }> {
    if (this.#model === null) await this.loadModel(BUILT_IN);
    return this.#model!;
  }

  /** Whose layers are shown, and switched for the next training: a CenterNet does not learn here, and is one piece. */
  async #learning(): Promise<SSD> {
    const { model } = await this.#current();
    return model instanceof CenterNet ? this.#getStart() : model;
  }

  #facts(): ModelFacts {
    const { entry, model } = this.#model!;
    const { modelName } = model.constructor as typeof SSD;
    // A CenterNet is its network's graph: only ONNX holds it.
    const formats = model instanceof CenterNet ? (['onnx'] as const) : savedFormats;
    const { scoreThresh: threshold } = model;
    return { ...entry, params: model.countParams(), className: modelName, threshold, formats };
  }

  async detect({ image, threshold }: { image: ImageBitmap; threshold: number }): Promise<Detections> {
    const { model } = await this.#current();
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

  async explain({
    image,
    box,
    label,
  }: {
    image: ImageBitmap;
    box: Box;
    label: number;
  }): Promise<Explanation> {
    try {
      return await explain((await this.#current()).model, image, box, label);
    } finally {
      image.close();
    }
  }

  unfinished(): Promise<Unfinished | null> {
    return unfinished(this.#runs);
  }

  train(task: TrainingTask): Promise<TrainingStart> {
    return this.#begin({ ...task, frozen: [...this.#frozen] }, false);
  }

  async resumeTraining(): Promise<TrainingStart> {
    const task = await readTask(this.#runs);
    if (task === null) throw new Error('There is no training to go on with.');
    return this.#begin(task, true);
  }

  async #begin(task: TrainingTask, resume: boolean): Promise<TrainingStart> {
    if (this.#training !== null) throw new Error('A training is running already.');
    const training = await Training.create(
      task,
      await this.#getStart(),
      this.#runs,
      {
        progress: (iteration, loss, seconds) => this.#emit({ event: 'progress', iteration, loss, seconds }),
        measured: (measured) => this.#emit({ event: 'measured', ...measured }),
        saved: (iteration) => this.#emit({ event: 'saved', iteration }),
      },
      resume,
    );
    this.#training = training;
    void this.#finish(training);
    return training.start;
  }

  async #finish(training: Training): Promise<void> {
    const { task, model } = training;
    try {
      const { stopped, early, iteration, best } = await training.run();
      if (this.#training !== training) {
        model.dispose();
        return;
      }
      const about = { labelNames: task.labelNames, note: noteOf(task, best) };
      const bytes = await serialize(model, { compression: false });
      const kept = await this.#keep(task.name, about, bytes, 'npz');
      this.#use(kept, model);
      if (!stopped) await forgetTask(this.#runs);
      this.#training = null;
      this.#emit({ event: 'trained', stopped, early, iteration, model: kept, best });
    } catch (error) {
      if (this.#training !== training) return;
      this.#training = null;
      model.dispose();
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

  async abandon(): Promise<null> {
    const training = this.#training;
    this.#training = null;
    training?.stop();
    await forgetTask(this.#runs);
    return null;
  }

  async save(format: SavedFormat): Promise<Uint8Array<ArrayBuffer>> {
    return serialize((await this.#current()).model, { format });
  }

  async tree(): Promise<TreeRow[]> {
    const model = await this.#learning();
    const names = [...model.namedparams()].map(([name]) => name);
    return model
      .summary([1, model.insize, model.insize, 3])
      .rows.map(({ path, link, params, count, outputShapes }) => ({
        path,
        link,
        params,
        count,
        outputs: (outputShapes ?? []).map((shape) => `(${shape.join(', ')})`).join(' '),
        frozen: this.#isFrozen(names.filter((name) => isUnder(name, path))),
      }));
  }

  #isFrozen(params: readonly string[]): TreeRow['frozen'] {
    const frozen = params.filter((path) => this.#frozen.has(path)).length;
    return frozen === 0 ? 'none' : frozen === params.length ? 'all' : 'some';
  }

  /** For the next training: what is in use does not change. */
  async freeze({ path, frozen }: { path: string; frozen: boolean }): Promise<TreeRow[]> {
    for (const [name] of (await this.#learning()).namedparams()) {
      if (!isUnder(name, path)) continue;
      if (frozen) this.#frozen.add(name);
      else this.#frozen.delete(name);
    }
    return this.tree();
  }

  /** Of the first convolution: what it looks for in a picture's colours. */
  async filters(): Promise<Figure> {
    const model = await this.#learning();
    const W = [...model.params()].find(({ shape }) => shape?.length === 4)!;
    const [out, channels, height, width] = W.shape as [number, number, number, number];
    const data = await W.tensor.data<'float32'>();
    const size = channels * height * width;
    const at = (tile: number, y: number, x: number, channel: number) =>
      data[tile * size + (channel * height + y) * width + x]!;
    // Those that differ most from an even patch first: they show something.
    const contrast = (tile: number) => range(data, tile * size, (tile + 1) * size)[1];
    const most = Math.max(...Array.from({ length: out }, (_, i) => contrast(i)));
    // The others are hardly more than even: stretched, they would show noise.
    const order = Array.from({ length: out }, (_, i) => i)
      .filter((i) => contrast(i) > most / 20)
      .sort((a, b) => contrast(b) - contrast(a));
    return grid(
      order.length,
      [height, width],
      (tile, y, x, channel) => {
        const filter = order[tile]!;
        const [min, extent] = range(data, filter * size, (filter + 1) * size);
        return (at(filter, y, x, channel) - min) / extent;
      },
      16,
      `${order.length} of the ${out} patches of ${height} x ${width} pixels that the first layer looks for: edges, spots and colours.`,
    );
  }

  async featureMaps({ image, path }: { image: ImageBitmap; path: string }): Promise<Figure> {
    const model = await this.#learning();
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

const isUnder = (param: string, link: string): boolean => link === '/' || param.startsWith(`${link}/`);

const noteOf = ({ train, test }: TrainingTask, best: Measured | null): string => {
  const pictures = train.length + test.length;
  const learnt = `learnt from ${pictures} ${pictures === 1 ? 'picture' : 'pictures'}`;
  return best?.map == null ? learnt : `${learnt}, mAP ${best.map.toFixed(2)}`;
};
