/** Trains on the project, and tells honestly what came out: measured on pictures that were held out. */
import type { Client } from '../client.ts';
import { byId, make, passFocus } from '../dom.ts';
import { drawBoxes } from '../draw-boxes.ts';
import { duration, suggestedSteps, warnings } from '../project/advice.ts';
import { type Box, describe, type Picture, split } from '../project/project.ts';
import type { Workspace } from '../project/workspace.ts';
import type { LabelledPicture, Measured, ModelEntry, TrainingStart, WorkerEvent } from '../protocol.ts';
import { Curve } from './curve.ts';

const button = (id: string) => byId<HTMLButtonElement>(id);
/** Pictures that are shown beside their truth. */
const COMPARED = 24;
const SHOWN_SCORE = 0.4;
/** Of a training step, seen from one look at a picture. */
const LOOKS_PER_STEP = 8;

export interface TrainingViewEvents {
  failed(error: unknown): void;
  /** A model has been trained, and is in use. */
  trained(model: ModelEntry): void;
  /** The user wants to use it. */
  detect(): void;
  /** A training begins or has ended. */
  running(isRunning: boolean): void;
}

export class TrainingView {
  readonly #client: Client;
  readonly #workspace: Workspace;
  readonly #events: TrainingViewEvents;
  readonly #curve = new Curve(byId<HTMLCanvasElement>('curve'));
  #running = false;
  #paused = false;
  #length = 1;
  #saved = 0;
  #secondsPerStep: number | null = null;
  #measured = false;
  #stepsChosen = false;
  #labelNames: readonly string[] = [];

  constructor(client: Client, workspace: Workspace, events: TrainingViewEvents) {
    this.#client = client;
    this.#workspace = workspace;
    this.#events = events;
    byId('steps').addEventListener('input', () => {
      this.#stepsChosen = true;
      this.#showSteps();
    });
    byId('train-start').addEventListener('click', () => void this.#train());
    byId('train-pause').addEventListener('click', () => void this.#pause());
    byId('train-stop').addEventListener('click', () => void client.call('stop', null));
    byId('use-tuned').addEventListener('click', () => events.detect());
    byId('compare').addEventListener('click', () => void this.#compare().catch(events.failed));
    client.listen((event) => this.#hear(event));
    workspace.listen(() => this.refresh());
    this.refresh();
  }

  get isRunning(): boolean {
    return this.#running;
  }

  /** How long one look at a picture takes, from which the time of a training is guessed before there is one. */
  looked(seconds: number): void {
    if (this.#measured) return;
    // The first look of all compiles and prepares: the fastest one counts.
    this.#secondsPerStep = Math.min(
      this.#secondsPerStep ?? Number.POSITIVE_INFINITY,
      seconds * LOOKS_PER_STEP,
    );
    this.#showSteps();
  }

  #showSteps(): void {
    const input = byId<HTMLInputElement>('steps');
    const suggested = suggestedSteps(this.#workspace.project);
    if (!this.#stepsChosen) input.value = String(suggested);
    byId('steps-value').textContent = input.value;
    const time =
      this.#secondsPerStep === null
        ? ''
        : `${duration(Number(input.value) * this.#secondsPerStep)}; ends earlier when it stops getting better. `;
    byId('steps-note').textContent = `${time}Suggested: ${suggested}.`;
  }

  refresh(): void {
    const { project } = this.#workspace;
    const { train } = split(project);
    byId('task').textContent = describe(project);
    byId('advice').replaceChildren(...warnings(project).map((text) => make('li', { textContent: text })));
    button('train-start').disabled = train.length === 0 || this.#running;
    button('train-pause').disabled = button('train-stop').disabled = !this.#running;
    this.#showSteps();
  }

  #setRunning(isRunning: boolean): void {
    const focused = document.activeElement;
    this.#running = isRunning;
    this.#paused = false;
    button('train-pause').textContent = 'Pause';
    this.#events.running(isRunning);
    this.refresh();
    passFocus(focused, 'train-pause', 'train-start');
  }

  async #train(): Promise<void> {
    const { project } = this.#workspace;
    const { train, test } = split(project);
    const withImage = ({ id, name, boxes }: Picture): LabelledPicture => ({
      name,
      image: this.#workspace.image(id),
      boxes,
    });
    const iterations = Number(byId<HTMLInputElement>('steps').value);
    const name = byId<HTMLInputElement>('run-name').value.trim() || project.names.join(', ').slice(0, 40);
    await this.#begin(iterations, project.names, () =>
      this.#client.call('train', {
        name,
        labelNames: project.names,
        train: train.map(withImage),
        test: test.map(withImage),
        iterations,
        freezeEarly: byId<HTMLInputElement>('freeze-early').checked,
      }),
    );
  }

  async #begin(
    iterations: number,
    labelNames: readonly string[],
    call: () => Promise<TrainingStart>,
  ): Promise<void> {
    this.#length = iterations;
    this.#labelNames = labelNames;
    this.#saved = 0;
    this.#curve.reset(iterations);
    byId<HTMLProgressElement>('progress').value = 0;
    this.#say('Preparing …');
    const focused = document.activeElement;
    this.#setRunning(true);
    for (const id of ['unfinished', 'trained', 'results', 'comparison']) byId(id).hidden = true;
    for (const id of ['progress', 'curve']) byId(id).hidden = false;
    passFocus(focused, 'train-pause');
    try {
      this.#report(await call());
    } catch (error) {
      this.#setRunning(false);
      this.#say('');
      this.#events.failed(error);
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
      this.#secondsPerStep = seconds / iteration;
      this.#measured = true;
      const left = duration(this.#secondsPerStep * (this.#length - iteration));
      const saved = this.#saved > 0 ? `, saved at step ${this.#saved}` : '';
      if (!this.#paused)
        this.#say(`Step ${iteration} of ${this.#length}, loss ${loss.toFixed(2)}, ${left} left${saved}.`);
    } else if (event.event === 'saved') this.#saved = event.iteration;
    else if (event.event === 'measured') {
      this.#showMeasured(event, 'so far');
      if (event.map !== null) this.#curve.addPrecision(event.iteration, event.map);
    } else if (event.event === 'trained') this.#end(event);
    else if (event.event === 'failed' && this.#running) {
      this.#setRunning(false);
      this.#say('');
      this.#events.failed(new Error(event.message));
      void this.offerToGoOn().catch(this.#events.failed);
    }
  }

  #showMeasured({ iteration, map, ap }: Measured, what: string): void {
    byId('results').hidden = false;
    const row = (name: string, value: number | null) =>
      make(
        'tr',
        {},
        make('td', { textContent: name }),
        value === null
          ? make('td', { textContent: 'none held out' })
          : make(
              'td',
              {},
              make('meter', { min: 0, max: 1, value, ariaLabel: `Average precision of ${name}` }),
              ` ${value.toFixed(2)}`,
            ),
      );
    byId('ap-rows').replaceChildren(
      ...this.#labelNames.map((name, label) => row(name, ap[label] ?? null)),
      row('mean (mAP)', map),
    );
    byId('results-note').textContent = `After ${iteration} steps, ${what}.`;
  }

  #end(event: Extract<WorkerEvent, { event: 'trained' }>): void {
    this.#setRunning(false);
    const { stopped, early, iteration, best, model } = event;
    this.#say(
      stopped
        ? `Stopped at step ${iteration}.`
        : `Done: ${iteration} steps${early ? ', it had stopped getting better' : ''}. Kept as “${model.name}”.`,
    );
    if (best !== null) this.#showMeasured(best, 'the best, which is kept');
    byId('trained').hidden = false;
    button('compare').hidden = best === null;
    this.#events.trained(model);
    if (stopped) void this.offerToGoOn().catch(this.#events.failed);
  }

  /** The pictures held out: the truth on the left, what is found on the right. */
  async #compare(): Promise<void> {
    const { names } = this.#workspace.project;
    const place = byId('comparison');
    place.hidden = false;
    place.replaceChildren();
    for (const picture of split(this.#workspace.project).test.slice(0, COMPARED)) {
      const bitmap = await createImageBitmap(this.#workspace.image(picture.id), {
        resizeWidth: Math.min(480, picture.width),
      });
      const scale = bitmap.width / picture.width;
      const canvases = (['truth', 'found'] as const).map((what) => {
        const canvas = make('canvas', { width: bitmap.width, height: bitmap.height });
        canvas.role = 'img';
        canvas.ariaLabel = `${picture.name}: ${what}`;
        canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
        return canvas;
      });
      const context = canvases.map((canvas) => canvas.getContext('2d')!);
      drawBoxes(
        context[0]!,
        picture.boxes.map(({ label, box }) => ({
          label,
          box: box.map((value) => value * scale) as unknown as Box,
          text: names[label]!,
        })),
      );
      const { bbox, label, score, labelNames } = await this.#client.call(
        'detect',
        { image: bitmap, threshold: SHOWN_SCORE },
        [bitmap],
      );
      drawBoxes(
        context[1]!,
        Array.from(score, (value, i) => ({
          label: label[i]!,
          box: [...bbox.subarray(4 * i, 4 * i + 4)] as unknown as Box,
          text: `${labelNames[label[i]!]} ${value.toFixed(2)}`,
        })),
      );
      const text = `${picture.name}: ${picture.boxes.length} labelled, ${score.length} found`;
      place.append(make('figure', {}, ...canvases, make('figcaption', { textContent: text })));
    }
    place.scrollIntoView({ block: 'nearest' });
  }

  async offerToGoOn(): Promise<void> {
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
      void this.#begin(task.iterations, task.labelNames, () => this.#client.call('resumeTraining', null));
    });
    place.replaceChildren(
      `A training for ${task.labelNames.join(', ')} on ${task.pictures} pictures is unfinished. `,
      go,
    );
  }

  /** In another tab a training would run twice. */
  async leave(): Promise<void> {
    if (this.#running) await this.#client.call('stop', null);
  }
}
