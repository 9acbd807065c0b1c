/** Classes, pictures and boxes: what a detector learns from. */
import { ask } from '../ask.ts';
import { Camera } from '../camera.ts';
import type { Client } from '../client.ts';
import {
  acceptDrops,
  arrowKeys,
  byId,
  colourOf,
  download,
  make,
  type PathedFile,
  passFocus,
  takeFiles,
} from '../dom.ts';
import { isPicture } from '../pictures.ts';
import {
  addClass,
  type Box,
  describe,
  isEmpty,
  type LabelledBox,
  type Picture,
  removeClass,
  removePicture,
  renameClass,
  scaledBoxes,
  withNames,
} from '../project/project.ts';
import { readProject, writeProject } from '../project/project-file.ts';
import type { ToAdd, Workspace } from '../project/workspace.ts';
import type { ModelFacts } from '../protocol.ts';
import { Editor } from './editor.ts';

const button = (id: string) => byId<HTMLButtonElement>(id);
const BURST = 5;
const BURST_PAUSE = 300;
/** Finds of the detector that are worth correcting. */
const SUGGESTED_SCORE = 0.35;

export interface TeachEvents {
  failed(error: unknown): void;
  /** Everything is to be forgotten, trainings and models too. */
  deleteAll(): Promise<void>;
  model(): ModelFacts | null;
}

export class TeachView {
  readonly #client: Client;
  readonly #workspace: Workspace;
  readonly #events: TeachEvents;
  readonly #editor: Editor;
  readonly #camera = new Camera(byId<HTMLVideoElement>('burst-video'));
  #current: string | null = null;
  #shownImage: string | null = null;
  #bitmap: ImageBitmap | null = null;

  constructor(client: Client, workspace: Workspace, events: TeachEvents) {
    this.#client = client;
    this.#workspace = workspace;
    this.#events = events;
    this.#editor = new Editor(byId<HTMLCanvasElement>('editor'), {
      change: (boxes, kind) => this.#workspace.setBoxes(this.#editor.picture!.id, boxes, kind),
      hint: () => this.#showSelection(),
      key: (event) => this.#key(event),
    });
    byId('add-class').addEventListener('submit', (event) => {
      event.preventDefault();
      const input = byId<HTMLInputElement>('class-name');
      const name = input.value.trim();
      if (name === '') return;
      this.#workspace.change(addClass(this.#workspace.project, name));
      this.#choose(this.#workspace.project.names.indexOf(name));
      input.value = '';
      input.focus();
    });
    for (const id of ['train-files', 'voc'])
      byId<HTMLInputElement>(id).addEventListener('change', (event) => {
        void this.#take(takeFiles(event.target as HTMLInputElement));
      });
    acceptDrops(byId('train-drop'), (files) => void this.#take(files));
    byId<HTMLInputElement>('import-project').addEventListener('change', (event) => {
      void this.#take(takeFiles(event.target as HTMLInputElement));
    });
    const on = (id: string, action: () => unknown) =>
      byId(id).addEventListener('click', () => {
        void (async () => action())().catch(events.failed);
      });
    on('undo', () => workspace.undo());
    on('redo', () => workspace.redo());
    on('zoom-in', () => this.#editor.zoom(1.5));
    on('zoom-out', () => this.#editor.zoom(1 / 1.5));
    on('zoom-fit', () => this.#editor.fit());
    on('copy-next', () => this.#copyToNext());
    on('remove-picture', () => this.#removePicture());
    on('suggest', () => this.#suggest());
    on('accept', () => this.#accept());
    on('burst', () => this.#toggleCamera());
    on('burst-take', () => this.#burst());
    on('export-project', () => this.#exportProject());
    on('delete-all', () => this.#deleteAll());
    for (const each of document.querySelectorAll<HTMLButtonElement>('[data-folder]'))
      each.addEventListener('click', () => {
        void this.#exportFolder(each.dataset['folder'] as 'COCO').catch(events.failed);
      });
    document.addEventListener('keydown', (event) => this.#shortcut(event));
    arrowKeys(byId('classes'));
    arrowKeys(byId('train-strip'));
    arrowKeys(byId('tools'));
    workspace.listen(() => this.refresh());
    this.refresh();
  }

  get #picture(): Picture | null {
    return this.#workspace.project.pictures.find(({ id }) => id === this.#current) ?? null;
  }

  // ---- keys ----------------------------------------------------------------------------------------------------------

  #shortcut(event: KeyboardEvent): void {
    if (byId('train').hidden || !(event.ctrlKey || event.metaKey)) return;
    if (event.target instanceof HTMLInputElement && event.target.type !== 'range') return;
    const key = event.key.toLowerCase();
    if (key === 'z' && !event.shiftKey) this.#workspace.undo();
    else if (key === 'y' || key === 'z') this.#workspace.redo();
    else return;
    event.preventDefault();
  }

  /** Keys of the editor that are about more than its picture. */
  #key({ key, ctrlKey, metaKey }: KeyboardEvent): boolean {
    if (ctrlKey || metaKey) return false;
    const label = Number(key) - 1;
    if (/^[1-9]$/.test(key) && label < this.#workspace.project.names.length) {
      if (!this.#editor.relabel(label)) this.#choose(label);
    } else if (key === 'PageDown') this.#go(1);
    else if (key === 'PageUp') this.#go(-1);
    else if (key === 'c') this.#copyToNext();
    else if (key === 'a') this.#accept();
    else return false;
    return true;
  }

  #choose(label: number): void {
    this.#editor.label = label;
    this.refresh();
  }

  #go(step: number): void {
    const { pictures } = this.#workspace.project;
    const at = pictures.findIndex(({ id }) => id === this.#current) + step;
    if (pictures[at] !== undefined) this.#open(pictures[at].id);
  }

  #open(id: string): void {
    this.#current = id;
    this.refresh();
  }

  // ---- pictures ------------------------------------------------------------------------------------------------------

  /** Pictures, folders with labels, or a project. */
  async #take(files: readonly PathedFile[]): Promise<void> {
    const problems: string[] = [];
    try {
      const zip = files.find(([path]) => path.endsWith('.zip'));
      if (zip !== undefined) {
        const { project, contents } = readProject(new Uint8Array(await zip[1].arrayBuffer()));
        await this.#workspace.replace(project, contents);
        this.#current = null;
      } else if (files.some(([path]) => /\.(xml|json|txt|ya?ml)$/i.test(path))) {
        const { readFolder } = await import('../project/folders.ts');
        const folder = await readFolder(files);
        const { project, labels } = withNames(this.#workspace.project, folder.names);
        this.#workspace.change(project);
        const toAdd = folder.pictures.map((picture) => ({
          ...picture,
          boxes: picture.boxes!.map((box) => ({ ...box, label: labels[box.label]! })),
        }));
        problems.push(...folder.problems, ...(await this.#add(toAdd)));
      } else {
        const pictures = files.filter(([, file]) => isPicture(file));
        for (const [path, file] of files) if (!isPicture(file)) problems.push(`${path} is not a picture.`);
        problems.push(...(await this.#add(pictures.map(([, file]) => ({ file })))));
      }
    } catch (error) {
      problems.push((error as Error).message);
    }
    this.refresh();
    this.#tellProblems(problems);
  }

  async #add(toAdd: readonly ToAdd[]): Promise<string[]> {
    const before = this.#workspace.project.pictures.length;
    const problems = await this.#workspace.add(toAdd, (done) => {
      byId('next').textContent = `${done} of ${toAdd.length} pictures read …`;
    });
    this.#current ??= this.#workspace.project.pictures[before]?.id ?? null;
    return problems;
  }

  #tellProblems(problems: readonly string[]): void {
    const list = byId('problems');
    list.hidden = problems.length === 0;
    list.replaceChildren(...problems.map((problem) => make('li', { textContent: problem })));
  }

  #removePicture(): void {
    const { pictures } = this.#workspace.project;
    const at = pictures.findIndex(({ id }) => id === this.#current);
    if (at < 0) return;
    this.#current = (pictures[at + 1] ?? pictures[at - 1])?.id ?? null;
    this.#workspace.change(removePicture(this.#workspace.project, pictures[at]!.id));
  }

  #copyToNext(): void {
    const { pictures } = this.#workspace.project;
    const at = pictures.findIndex(({ id }) => id === this.#current);
    const [from, to] = [pictures[at], pictures[at + 1]];
    if (from === undefined || to === undefined) return;
    this.#current = to.id;
    this.#workspace.setBoxes(to.id, [...to.boxes, ...scaledBoxes(from, to)]);
  }

  // ---- the camera ----------------------------------------------------------------------------------------------------

  async #toggleCamera(): Promise<void> {
    if (this.#camera.isOn) this.#camera.stop();
    else await this.#camera.start();
    this.refresh();
  }

  /** Some pictures one after the other, while the thing is turned or the camera moved. */
  async #burst(): Promise<void> {
    button('burst-take').disabled = true;
    try {
      for (let i = 0; i < BURST && this.#camera.isOn; i++) {
        const bitmap = await this.#camera.picture();
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
        bitmap.close();
        const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 });
        const name = `camera-${this.#workspace.project.pictures.length + 1}.jpg`;
        await this.#add([{ file: new File([blob], name, { type: 'image/jpeg' }) }]);
        await new Promise((resolve) => setTimeout(resolve, BURST_PAUSE));
      }
    } finally {
      button('burst-take').disabled = false;
    }
  }

  // ---- label assist --------------------------------------------------------------------------------------------------

  /** The detector in use looks at the pictures without boxes; what it finds is corrected, and accepted. */
  async #suggest(): Promise<void> {
    const model = this.#events.model();
    if (model === null) throw new Error('There is no detector yet.');
    const { names } = this.#workspace.project;
    const known =
      names.length === 0 ? model.labelNames : model.labelNames.filter((name) => names.includes(name));
    if (known.length === 0)
      throw new Error(
        `The detector “${model.name}” knows none of your classes. Train one on some pictures first, then let it suggest boxes on the others.`,
      );
    let count = 0;
    const waiting = this.#workspace.project.pictures.filter(({ boxes }) => boxes.length === 0);
    for (const [i, { id }] of waiting.entries()) {
      byId('next').textContent = `Looking at ${i + 1} of ${waiting.length} …`;
      const bitmap = await createImageBitmap(this.#workspace.image(id));
      const found = await this.#client.call('detect', { image: bitmap, threshold: SUGGESTED_SCORE }, [
        bitmap,
      ]);
      const used = [...new Set(Array.from(found.label, (label) => found.labelNames[label]!))];
      const { project, labels } = withNames(
        this.#workspace.project,
        used.filter((name) => known.includes(name)),
      );
      const boxes: LabelledBox[] = Array.from(found.label, (label, k) => ({
        label: labels[used.filter((name) => known.includes(name)).indexOf(found.labelNames[label]!)] ?? -1,
        box: [...found.bbox.subarray(4 * k, 4 * k + 4)] as unknown as LabelledBox['box'],
        suggested: true as const,
      })).filter(({ label }) => label >= 0);
      if (boxes.length === 0) continue;
      count += boxes.length;
      this.#workspace.change(project, 'suggest');
      this.#workspace.setBoxes(id, boxes, 'suggest');
    }
    const first = this.#workspace.project.pictures.find(({ boxes }) =>
      boxes.some(({ suggested }) => suggested),
    );
    if (first !== undefined) this.#current = first.id;
    this.refresh();
    this.#tellProblems(
      count > 0
        ? []
        : [waiting.length === 0 ? 'Every picture has boxes already.' : 'It found nothing in these pictures.'],
    );
  }

  /** What is left of the suggestions is right; goes on to the next picture that has some. */
  #accept(): void {
    const picture = this.#picture;
    if (picture === null || !picture.boxes.some(({ suggested }) => suggested)) return;
    this.#workspace.setBoxes(
      picture.id,
      picture.boxes.map(({ label, box }) => ({ label, box })),
    );
    const next = this.#workspace.project.pictures.find(({ boxes }) =>
      boxes.some(({ suggested }) => suggested),
    );
    if (next !== undefined) this.#open(next.id);
  }

  // ---- in and out ----------------------------------------------------------------------------------------------------

  async #content(picture: Picture): Promise<Uint8Array> {
    return new Uint8Array(await this.#workspace.image(picture.id).arrayBuffer());
  }

  async #exportProject(): Promise<void> {
    const bytes = await writeProject(this.#workspace.project, (picture) => this.#content(picture));
    download('project.zip', new Blob([bytes], { type: 'application/zip' }));
  }

  async #exportFolder(format: 'Pascal VOC' | 'COCO' | 'YOLO'): Promise<void> {
    const { writeFolder } = await import('../project/folders.ts');
    const bytes = await writeFolder(this.#workspace.project, format, (picture) => this.#content(picture));
    const name = format.toLowerCase().replace(/.* /, '');
    download(`${name}.zip`, new Blob([bytes], { type: 'application/zip' }));
  }

  async #deleteAll(): Promise<void> {
    const question =
      'Delete the project, its pictures, every training and every detector from this browser? There is no way back.';
    if ((await ask(question, 'Delete everything')) === null) return;
    await this.#workspace.clear();
    this.#current = null;
    await this.#events.deleteAll();
    this.refresh();
  }

  // ---- what is shown -------------------------------------------------------------------------------------------------

  refresh(): void {
    const { project } = this.#workspace;
    const { names, pictures } = project;
    const focused = document.activeElement;
    if (this.#picture === null) this.#current = pictures[0]?.id ?? null;
    if (this.#editor.label >= names.length) this.#editor.label = Math.max(0, names.length - 1);
    this.#editor.labelNames = names;
    byId('next').textContent = describe(project);
    this.#showClasses();
    this.#showStrip();
    void this.#showPicture().catch(this.#events.failed);
    this.#showBoxes();
    button('undo').disabled = !this.#workspace.canUndo;
    button('redo').disabled = !this.#workspace.canRedo;
    const picture = this.#picture;
    button('accept').hidden = !picture?.boxes.some(({ suggested }) => suggested);
    for (const id of ['copy-next', 'remove-picture', 'suggest', 'zoom-in', 'zoom-out', 'zoom-fit'])
      button(id).disabled = picture === null;
    button('export-project').disabled = isEmpty(project);
    const hasBoxes = pictures.some(({ boxes }) => boxes.length > 0);
    for (const each of document.querySelectorAll<HTMLButtonElement>('[data-folder]'))
      each.disabled = !hasBoxes;
    const isOn = this.#camera.isOn;
    byId('burst-video').hidden = !isOn;
    button('burst-take').hidden = !isOn;
    button('burst').textContent = isOn ? 'Stop the camera' : 'Camera';
    byId('editor').hidden = byId('editor-help').hidden = picture === null || isOn;
    byId('train-empty').hidden = picture !== null || isOn;
    const { canUndo, canRedo } = this.#workspace;
    byId('tools').hidden = isEmpty(project) && !canUndo && !canRedo;
    passFocus(focused, 'editor', ...(names.length === 0 ? ['class-name'] : []), 'train-files');
  }

  #showClasses(): void {
    const { names } = this.#workspace.project;
    const place = byId('classes');
    const focused = document.activeElement?.closest('#classes') ? document.activeElement : null;
    const [at, aside] = [
      [...place.querySelectorAll('[role=radio]')].indexOf(focused!),
      (focused as HTMLElement | null)?.dataset['aside'],
    ];
    place.replaceChildren(
      ...names.map((name, i) => {
        const isChosen = this.#editor.label === i;
        const swatch = make('span', { className: 'swatch' });
        swatch.style.background = colourOf(i);
        const choose = make(
          'button',
          { type: 'button', role: 'radio', ariaChecked: String(isChosen), tabIndex: isChosen ? 0 : -1 },
          swatch,
          name,
          ...(i < 9 ? [make('kbd', { textContent: String(i + 1), ariaHidden: 'true' })] : []),
        );
        choose.addEventListener('click', () => this.#choose(i));
        choose.addEventListener('focus', () => {
          if (this.#editor.label !== i) this.#choose(i);
        });
        const edit = make('button', { type: 'button', textContent: '✎', ariaLabel: `Rename ${name}` });
        edit.dataset['aside'] = 'rename';
        edit.addEventListener('click', () => void this.#renameClass(i).catch(this.#events.failed));
        const remove = make('button', { type: 'button', textContent: '×', ariaLabel: `Delete ${name}` });
        remove.dataset['aside'] = 'remove';
        remove.addEventListener('click', () =>
          this.#workspace.change(removeClass(this.#workspace.project, i)),
        );
        return make('div', { className: 'chip', role: 'presentation' }, choose, edit, remove);
      }),
    );
    if (focused === null) return;
    const radios = place.querySelectorAll<HTMLButtonElement>('[role=radio]');
    const next = aside === undefined ? radios[at] : radios[this.#editor.label];
    next?.focus();
  }

  async #renameClass(label: number): Promise<void> {
    const name = this.#workspace.project.names[label]!;
    const next = await ask(
      `Another name for “${name}” (that of another class joins the two):`,
      'Rename',
      name,
    );
    if (next !== null) this.#workspace.change(renameClass(this.#workspace.project, label, next));
  }

  #showStrip(): void {
    const { pictures } = this.#workspace.project;
    const strip = byId('train-strip');
    const hadFocus = strip.contains(document.activeElement);
    strip.hidden = pictures.length === 0;
    const wanted = pictures.map(({ id }) => id).join();
    if (strip.dataset['pictures'] !== wanted) {
      strip.dataset['pictures'] = wanted;
      strip.replaceChildren(
        ...pictures.map(({ id, name }) => {
          const image = make('img', { src: this.#workspace.thumbnail(id), alt: name, loading: 'lazy' });
          const thumbnail = make('button', { type: 'button' }, image, make('span'));
          thumbnail.addEventListener('click', () => this.#open(id));
          return thumbnail;
        }),
      );
    }
    for (const [i, thumbnail] of [...strip.querySelectorAll('button')].entries()) {
      const { id, name, boxes } = pictures[i]!;
      const isCurrent = id === this.#current;
      thumbnail.ariaLabel = `${name}, ${boxes.length} boxes`;
      thumbnail.setAttribute('aria-current', String(isCurrent));
      thumbnail.tabIndex = isCurrent ? 0 : -1;
      const count = thumbnail.querySelector('span')!;
      count.hidden = boxes.length === 0;
      count.textContent = `${boxes.length}${boxes.some(({ suggested }) => suggested) ? '?' : ''}`;
      if (isCurrent && hadFocus) thumbnail.focus();
      if (isCurrent) thumbnail.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
  }

  /** One picture is decoded at a time: the one that is shown. */
  async #showPicture(): Promise<void> {
    const picture = this.#picture;
    if (picture === null) {
      this.#shownImage = this.#bitmap = null;
      this.#editor.show(null, null);
      return;
    }
    if (picture.id === this.#shownImage) {
      // Else it is still being decoded.
      if (this.#bitmap !== null) this.#editor.show(picture, this.#bitmap);
      return;
    }
    this.#bitmap = null;
    this.#shownImage = picture.id;
    const bitmap = await createImageBitmap(this.#workspace.image(picture.id));
    if (this.#shownImage !== picture.id) return bitmap.close();
    this.#bitmap = bitmap;
    this.#editor.show(this.#picture, bitmap);
  }

  #showBoxes(): void {
    const { names } = this.#workspace.project;
    const list = byId('boxes');
    const focused = document.activeElement;
    const at = [...list.querySelectorAll('select, button')].indexOf(focused!);
    const boxes = this.#picture?.boxes ?? [];
    list.replaceChildren(
      ...boxes.map(({ label, suggested }, i) => {
        const swatch = make('span', { className: 'swatch' });
        swatch.style.background = colourOf(label);
        const select = make(
          'select',
          { ariaLabel: `Class of box ${i + 1}${suggested ? ', suggested' : ''}` },
          ...names.map((name, l) => make('option', { value: String(l), textContent: name })),
        );
        select.value = String(label);
        select.addEventListener('change', () => this.#editor.relabel(Number(select.value), i));
        const remove = make('button', {
          type: 'button',
          textContent: 'Remove',
          ariaLabel: `Remove box ${i + 1}`,
        });
        remove.addEventListener('click', () => this.#editor.remove(i));
        const item = make('li', {}, swatch, select, remove);
        item.addEventListener('pointerenter', () => {
          this.#editor.hovered = i;
          this.#editor.draw();
        });
        item.addEventListener('pointerleave', () => {
          this.#editor.hovered = -1;
          this.#editor.draw();
        });
        for (const each of [select, remove]) each.addEventListener('focus', () => this.#editor.select(i));
        return item;
      }),
    );
    this.#showSelection();
    if (at < 0) return;
    const controls = list.querySelectorAll<HTMLElement>('select, button');
    (controls[Math.min(at, controls.length - 1)] ?? byId('editor')).focus();
  }

  /** In the list, and in words for those who do not see the picture. */
  #showSelection(): void {
    const { selected, hovered } = this.#editor;
    for (const [i, item] of [...byId('boxes').children].entries())
      item.classList.toggle('hot', i === selected || i === hovered);
    const boxes = this.#picture?.boxes ?? [];
    const box = boxes[selected];
    byId('editor-says').textContent =
      box === undefined
        ? ''
        : `Box ${selected + 1} of ${boxes.length}, ${this.#workspace.project.names[box.label]}, ${placeOf(box.box)}.`;
  }
}

const placeOf = ([top, left, bottom, right]: Box): string => {
  const [x, y, width, height] = [left, top, right - left, bottom - top].map(Math.round);
  return `${width} by ${height} pixels, ${x} from the left and ${y} from the top`;
};
