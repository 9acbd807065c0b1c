/** From a few labelled pictures to a detector. */
import type { Client } from '../client.ts';
import { acceptDrops, byId, colourOf, download, listOf, make } from '../dom.ts';
import type { TrainingStart, WorkerEvent } from '../protocol.ts';
import { maxPictures, readVoc } from '../voc.ts';
import { Curve } from './curve.ts';
import { type Draft, Editor } from './editor.ts';

const button = (id: string) => byId<HTMLButtonElement>(id);
const plural = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;
const number = (n: number) => n.toLocaleString('en');

export class TrainView {
  readonly #client: Client;
  readonly #failed: (error: unknown) => void;
  readonly #names: string[] = [];
  readonly #drafts: Draft[] = [];
  readonly #editor: Editor;
  readonly #curve: Curve;
  #running = false;
  #paused = false;
  #length = 1;
  #saved = 0;

  constructor(client: Client, failed: (error: unknown) => void, useTuned: () => void) {
    this.#client = client;
    this.#failed = failed;
    this.#editor = new Editor(byId<HTMLCanvasElement>('editor'), () => this.#refresh());
    this.#curve = new Curve(byId<HTMLCanvasElement>('curve'));
    byId('add-class').addEventListener('submit', (event) => {
      event.preventDefault();
      const input = byId<HTMLInputElement>('class-name');
      this.#addClass(input.value.trim());
      input.value = '';
      input.focus();
    });
    for (const id of ['train-files', 'voc'])
      byId<HTMLInputElement>(id).addEventListener('change', (event) => {
        const input = event.target as HTMLInputElement;
        const files = [...(input.files ?? [])].map(
          (file) => [file.webkitRelativePath || file.name, file] as const,
        );
        void this.#take(files);
        input.value = '';
      });
    acceptDrops(byId('train-drop'), (files) => void this.#take(files));
    byId('steps').addEventListener('input', () => {
      byId('steps-value').textContent = byId<HTMLInputElement>('steps').value;
    });
    byId('train-start').addEventListener('click', () => void this.#train());
    byId('train-pause').addEventListener('click', () => void this.#pause());
    byId('train-stop').addEventListener('click', () => void client.call('stop', null));
    byId('use-tuned').addEventListener('click', useTuned);
    for (const format of ['npz', 'safetensors'] as const)
      byId(`save-${format}`).addEventListener('click', () => void this.#save(format).catch(failed));
    client.listen((event) => this.#hear(event));
    void this.#offerToGoOn().catch(failed);
  }

  #addClass(name: string): void {
    if (name === '') return;
    if (!this.#names.includes(name)) this.#names.push(name);
    this.#editor.label = this.#names.indexOf(name);
    this.#refresh();
  }

  async #take(files: readonly (readonly [path: string, file: File])[]): Promise<void> {
    try {
      const voc = files.some(([path]) => path.endsWith('.xml')) ? await readVoc(files) : [];
      for (const { file, objects } of voc) {
        const boxes = objects.map(({ name, box }) => {
          if (!this.#names.includes(name)) this.#names.push(name);
          return { label: this.#names.indexOf(name), box };
        });
        this.#drafts.push({ name: file.name, image: file, bitmap: await createImageBitmap(file), boxes });
      }
      if (voc.length === maxPictures)
        this.#say(`Only the first ${maxPictures} pictures of the folder are taken.`);
      const pictures = voc.length > 0 ? [] : listOf(toFileList(files));
      for (const file of pictures)
        this.#drafts.push({ name: file.name, image: file, bitmap: await createImageBitmap(file), boxes: [] });
      if (voc.length + pictures.length === 0) throw new Error('There are no pictures among these files.');
      if (this.#editor.draft === null) this.#editor.edit(this.#drafts[0]!);
      this.#refresh();
    } catch (error) {
      this.#failed(error);
    }
  }

  #refresh(): void {
    this.#editor.labelNames = this.#names;
    const classes = this.#names.map((name, i) => {
      const chosen = this.#editor.label === i;
      const swatch = make('span', { className: 'swatch' });
      swatch.style.background = colourOf(i);
      const chip = make(
        'button',
        { type: 'button', role: 'radio', ariaChecked: String(chosen) },
        swatch,
        name,
      );
      chip.addEventListener('click', () => {
        this.#editor.label = i;
        this.#refresh();
      });
      return chip;
    });
    byId('classes').replaceChildren(...classes);
    byId('train-empty').hidden = this.#drafts.length > 0;
    const strip = byId('train-strip');
    strip.hidden = this.#drafts.length < 2;
    strip.replaceChildren(...this.#drafts.map((draft) => this.#thumbnail(draft)));
    const boxes = this.#editor.draft?.boxes ?? [];
    byId('boxes').replaceChildren(
      ...boxes.map(({ label }, i) => {
        const swatch = make('span', { className: 'swatch' });
        swatch.style.background = colourOf(label);
        const remove = make('button', {
          type: 'button',
          textContent: 'Remove',
          ariaLabel: `Remove box ${i + 1}`,
        });
        remove.addEventListener('click', () => this.#editor.remove(i));
        return make(
          'li',
          {},
          swatch,
          make('span', { className: 'grow', textContent: this.#names[label]! }),
          remove,
        );
      }),
    );
    const labelled = this.#drafts.filter((draft) => draft.boxes.length > 0);
    const count = labelled.reduce((sum, draft) => sum + draft.boxes.length, 0);
    byId('task').textContent =
      count === 0
        ? this.#names.length === 0
          ? 'Nothing is labelled yet: name a class first.'
          : 'Nothing is labelled yet.'
        : [
            plural(count, 'box', 'boxes'),
            `of ${plural(new Set(labelled.flatMap((d) => d.boxes.map(({ label }) => label))).size, 'class', 'classes')}`,
            `on ${plural(labelled.length, 'picture', 'pictures')}.`,
          ].join(' ');
    button('train-start').disabled = count === 0 || this.#running;
    button('train-pause').disabled = button('train-stop').disabled = !this.#running;
  }

  #thumbnail(draft: Draft): HTMLElement {
    const canvas = make('canvas', { width: 72, height: 72 });
    const { bitmap } = draft;
    const side = Math.min(bitmap.width, bitmap.height);
    canvas
      .getContext('2d')!
      .drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, 72, 72);
    const thumbnail = make(
      'button',
      { type: 'button', ariaLabel: `${draft.name}, ${draft.boxes.length} boxes` },
      canvas,
    );
    thumbnail.append(make('span', { textContent: String(draft.boxes.length) }));
    thumbnail.setAttribute('aria-current', String(draft === this.#editor.draft));
    thumbnail.addEventListener('click', () => {
      this.#editor.edit(draft);
      this.#refresh();
    });
    return thumbnail;
  }

  async #train(): Promise<void> {
    const pictures = this.#drafts
      .filter(({ boxes }) => boxes.length > 0)
      .map(({ name, image, boxes }) => ({ name, image, boxes: [...boxes] }));
    const iterations = Number(byId<HTMLInputElement>('steps').value);
    const freezeEarly = byId<HTMLInputElement>('freeze-early').checked;
    await this.#begin(iterations, () =>
      this.#client.call('train', { labelNames: [...this.#names], pictures, iterations, freezeEarly }),
    );
  }

  async #begin(iterations: number, call: () => Promise<TrainingStart>): Promise<void> {
    this.#length = iterations;
    this.#running = true;
    this.#paused = false;
    this.#curve.reset(iterations);
    byId('unfinished').hidden = byId('trained').hidden = true;
    byId<HTMLProgressElement>('progress').value = 0;
    this.#say('Preparing …');
    this.#refresh();
    try {
      this.#report(await call());
    } catch (error) {
      this.#running = false;
      this.#say('');
      this.#refresh();
      this.#failed(error);
    }
  }

  #report({ summary, copied, skipped, frozen }: TrainingStart): void {
    byId('report').hidden = false;
    const values = /\(([\d,]+) values\)/.exec(summary)?.[1] ?? '';
    byId('report-text').textContent =
      `${copied} arrays (${values} values) were copied from the pretrained detector, ${skipped.length} were not and begin anew, ${frozen} are frozen.`;
    byId('report-rows').replaceChildren(
      ...skipped.map(({ name, why }) =>
        make('tr', {}, make('td', { textContent: name }), make('td', { textContent: why })),
      ),
    );
  }

  async #pause(): Promise<void> {
    this.#paused = !this.#paused;
    button('train-pause').textContent = this.#paused ? 'Go on' : 'Pause';
    await this.#client.call('pause', this.#paused);
    if (this.#paused) this.#say('Paused.');
  }

  #say(text: string): void {
    byId('train-state').textContent = text;
  }

  #hear(event: WorkerEvent): void {
    if (event.event === 'progress') {
      const { iteration, loss, seconds } = event;
      this.#curve.add(iteration, loss);
      byId<HTMLProgressElement>('progress').value = iteration / this.#length;
      const left = (seconds / iteration) * (this.#length - iteration);
      const saved = this.#saved > 0 ? `, saved at step ${this.#saved}` : '';
      if (!this.#paused)
        this.#say(
          `Step ${iteration} of ${this.#length}, loss ${loss.toFixed(2)}, about ${number(Math.ceil(left))} s left${saved}.`,
        );
    } else if (event.event === 'saved') this.#saved = event.iteration;
    else if (event.event === 'trained' || event.event === 'failed') this.#end(event);
  }

  #end(event: WorkerEvent): void {
    this.#running = false;
    this.#paused = false;
    button('train-pause').textContent = 'Pause';
    this.#refresh();
    if (event.event === 'failed') {
      this.#say('');
      this.#failed(new Error(event.message));
      void this.#offerToGoOn().catch(this.#failed);
    } else if (event.event === 'trained') {
      this.#say(event.stopped ? `Stopped at step ${event.iteration}.` : `Done: ${event.iteration} steps.`);
      byId('trained').hidden = false;
      const own = byId('model').querySelector<HTMLOptionElement>('[value=tuned]')!;
      own.disabled = false;
      own.textContent = 'your own';
      if (event.stopped) void this.#offerToGoOn().catch(this.#failed);
    }
  }

  async #offerToGoOn(): Promise<void> {
    const task = await this.#client.call('unfinished', null);
    const place = byId('unfinished');
    place.hidden = task === null || this.#running;
    if (task === null) return;
    const go = make('button', {
      type: 'button',
      className: 'primary',
      id: 'train-resume',
      textContent: 'Go on',
    });
    go.addEventListener('click', () => {
      void this.#begin(task.iterations, () => this.#client.call('resumeTraining', null));
    });
    place.replaceChildren(
      `A training for ${task.labelNames.join(', ')} on ${task.pictures} pictures is unfinished. `,
      go,
    );
  }

  async #save(format: 'npz' | 'safetensors'): Promise<void> {
    await this.#client.call('loadModel', 'tuned');
    const bytes = await this.#client.call('save', format);
    download(`detector.${format}`, new Blob([bytes]));
  }
}

function toFileList(files: readonly (readonly [path: string, file: File])[]): FileList {
  const transfer = new DataTransfer();
  for (const [, file] of files) transfer.items.add(file);
  return transfer.files;
}
