/** Pictures in, boxes out. */
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
import { drawBoxes } from '../draw-boxes.ts';
import { importPicture, isPicture } from '../pictures.ts';
import type { Box } from '../project/project.ts';
import type { Detections } from '../protocol.ts';

interface Shown {
  readonly name: string;
  /** At most so many pixels along a side; decoded only while it is shown. */
  readonly image: Blob;
  /** Pixels of the file that came in one of the image. */
  readonly scale: number;
  readonly size: { readonly width: number; readonly height: number };
  found: Detections | null;
}

/** What is found in the picture that is shown. */
export interface Find {
  readonly name: string;
  readonly score: number;
  readonly label: number;
  /** In pixels of the picture as it is shown. */
  readonly box: Box;
}

/** Boxes below this are never asked for; the slider works on what was found. */
const LOWEST = 0.05;
const MAX_SIDE = 1600;
const modelFile = /\.(npz|safetensors|onnx|pt|pth|h5|keras)$/i;

export class DetectView {
  readonly #client: Client;
  readonly #pictures: Shown[] = [];
  readonly #camera = new Camera(byId<HTMLVideoElement>('camera'));
  readonly #failed: (error: unknown) => void;
  readonly #openModel: (file: File) => void;
  readonly #looked: (seconds: number) => void;
  #current: Shown | null = null;
  #bitmap: ImageBitmap | null = null;

  /** @param looked is told how long a look at a picture takes. */
  constructor(
    client: Client,
    failed: (error: unknown) => void,
    openModel: (file: File) => void,
    looked: (seconds: number) => void,
  ) {
    this.#client = client;
    this.#looked = looked;
    this.#failed = failed;
    this.#openModel = openModel;
    acceptDrops(byId('drop'), (files) => void this.#add(files));
    byId<HTMLInputElement>('files').addEventListener('change', (event) => {
      void this.#add(takeFiles(event.target as HTMLInputElement));
    });
    document.addEventListener('paste', (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0 && !byId('detect').hidden)
        void this.#add(files.map((file) => [file.name, file] as const));
    });
    for (const button of document.querySelectorAll<HTMLButtonElement>('.example'))
      button.addEventListener('click', async () => {
        const name = `${button.dataset['picture']}.png`;
        const response = await fetch(`examples/${name}`);
        await this.#add([[name, new File([await response.blob()], name, { type: 'image/png' })]]);
      });
    byId('threshold').addEventListener('input', () => this.#draw());
    byId('save-png').addEventListener('click', () => this.#savePng());
    byId('save-json').addEventListener('click', () => this.#saveJson());
    byId('use-camera').addEventListener('click', () => void this.#toggleCamera().catch(failed));
    arrowKeys(byId('strip'));
  }

  get picture(): ImageBitmap | null {
    return this.#bitmap;
  }

  /** Above the threshold, best first. */
  get finds(): Find[] {
    const found = this.#current?.found;
    if (found == null) return [];
    return Array.from(found.score, (score, i) => {
      const label = found.label[i]!;
      const box = [...found.bbox.subarray(4 * i, 4 * i + 4)] as unknown as Box;
      return { name: found.labelNames[label] ?? `class ${label}`, score, label, box };
    }).filter(({ score }) => score >= this.#threshold);
  }

  get #threshold(): number {
    return Number(byId<HTMLInputElement>('threshold').value);
  }

  /** After another model or backend was chosen: what was found before is of the old one. */
  refresh(): void {
    for (const picture of this.#pictures) picture.found = null;
    if (this.#current !== null) void this.#show(this.#current);
  }

  async #add(files: readonly PathedFile[]): Promise<void> {
    const problems: string[] = [];
    for (const [path, file] of files) {
      if (modelFile.test(path)) {
        this.#openModel(file);
        continue;
      }
      if (!isPicture(file)) {
        problems.push(`${file.name} is neither a picture nor a detector.`);
        continue;
      }
      try {
        const { image, width, original, thumbnail } = await importPicture(file, MAX_SIDE);
        const picture: Shown = {
          name: file.name,
          image,
          scale: original.width / width,
          size: original,
          found: null,
        };
        this.#pictures.push(picture);
        this.#addThumbnail(picture, thumbnail);
        await this.#show(picture);
      } catch (error) {
        problems.push((error as Error).message);
      }
    }
    if (problems.length > 0) this.#failed(new Error(problems.join('\n')));
  }

  #addThumbnail(picture: Shown, thumbnail: Blob): void {
    const image = make('img', { src: URL.createObjectURL(thumbnail), alt: picture.name });
    image.onload = () => URL.revokeObjectURL(image.src);
    const button = make('button', { type: 'button' }, image);
    button.addEventListener('click', () => void this.#show(picture));
    const strip = byId('strip');
    strip.append(button);
    strip.hidden = this.#pictures.length < 2;
  }

  async #show(picture: Shown): Promise<void> {
    this.#current = picture;
    [...byId('strip').children].forEach((button, i) => {
      button.setAttribute('aria-current', String(this.#pictures[i] === picture));
    });
    const bitmap = await createImageBitmap(picture.image);
    if (this.#current !== picture) return bitmap.close();
    this.#setBitmap(bitmap);
    this.#draw();
    if (picture.found !== null) return;
    byId('timing').textContent = 'Looking …';
    try {
      picture.found = await this.#find(bitmap);
    } catch (error) {
      byId('timing').textContent = '';
      this.#failed(error);
    }
    if (this.#current === picture) this.#draw();
  }

  #setBitmap(bitmap: ImageBitmap): void {
    this.#bitmap?.close();
    this.#bitmap = bitmap;
    const focused = document.activeElement;
    byId('empty').hidden = true;
    byId('view').hidden = false;
    passFocus(focused, 'files');
  }

  async #find(bitmap: ImageBitmap): Promise<Detections> {
    const copy = await createImageBitmap(bitmap);
    const found = await this.#client.call('detect', { image: copy, threshold: LOWEST }, [copy]);
    this.#looked(found.milliseconds / 1000);
    return found;
  }

  #draw(): void {
    byId('threshold-value').textContent = this.#threshold.toFixed(2);
    const bitmap = this.#bitmap;
    if (this.#current === null || bitmap === null) return;
    const { found, size } = this.#current;
    const canvas = byId<HTMLCanvasElement>('view');
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height)
      Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    const context = canvas.getContext('2d')!;
    context.drawImage(bitmap, 0, 0);
    for (const id of ['save-png', 'save-json']) byId<HTMLButtonElement>(id).disabled = found === null;
    const list = byId('found');
    list.replaceChildren();
    byId('weaker').hidden = true;
    if (found === null) return;
    const finds = this.finds;
    drawBoxes(
      context,
      finds.map(({ box, label, name, score }) => ({ box, label, text: `${name} ${score.toFixed(2)}` })),
    );
    canvas.setAttribute(
      'aria-label',
      `The picture with what was found in it: ${finds.map(({ name }) => name).join(', ') || 'nothing'}`,
    );
    list.append(...finds.map((find) => this.#row(find)));
    if (finds.length === 0)
      list.append(make('li', { className: 'muted', textContent: 'Nothing above the threshold.' }));
    this.#hint(found, finds.length);
    byId('timing').textContent =
      `${found.milliseconds.toFixed(0)} ms for ${size.width} x ${size.height} pixels`;
  }

  #row({ name, label, score }: Find): HTMLElement {
    const swatch = make('span', { className: 'swatch' });
    swatch.style.background = colourOf(label);
    return make(
      'li',
      {},
      make('span', { className: 'row' }, swatch, name),
      make('span', { className: 'score', textContent: score.toFixed(2) }),
      make('meter', { min: 0, max: 1, value: score, ariaLabel: `Score of ${name}` }),
    );
  }

  /** Weaker finds are no reason to believe that nothing is there. */
  #hint(found: Detections, shown: number): void {
    const best = found.score[0];
    if (shown > 0 || best === undefined) return;
    const count = found.score.length;
    const name = found.labelNames[found.label[0]!] ?? 'something';
    const show = make('button', {
      type: 'button',
      textContent: count === 1 ? 'Show it' : 'Show them',
      id: 'show-weaker',
    });
    show.addEventListener('click', () => {
      const input = byId<HTMLInputElement>('threshold');
      // To the next step of the slider below the best one.
      input.value = String(Math.max(LOWEST, Math.floor((best - 0.001) * 20) / 20));
      this.#draw();
      input.focus();
    });
    byId('weaker').hidden = false;
    byId('weaker').replaceChildren(
      count === 1
        ? `One weaker find: ${name}, ${best.toFixed(2)}. `
        : `${count} weaker finds, the best: ${name}, ${best.toFixed(2)}. `,
      show,
    );
  }

  get #baseName(): string {
    return (this.#current?.name ?? 'picture').replace(/\.[^.]*$/, '');
  }

  #savePng(): void {
    byId<HTMLCanvasElement>('view').toBlob((blob) => {
      if (blob !== null) download(`${this.#baseName}-detected.png`, blob);
    });
  }

  #saveJson(): void {
    const { name, scale, size } = this.#current!;
    const objects = this.finds.map((find) => ({
      label: find.name,
      score: find.score,
      bbox: find.box.map((value) => value * scale),
    }));
    const about = { picture: name, ...size, bboxOrder: 'yMin, xMin, yMax, xMax' };
    const text = JSON.stringify({ ...about, objects }, null, 2);
    download(`${this.#baseName}.json`, new Blob([text], { type: 'application/json' }));
  }

  async #toggleCamera(): Promise<void> {
    const button = byId('use-camera');
    if (this.#camera.isOn) {
      this.#camera.stop();
      button.textContent = 'Camera';
      return;
    }
    await this.#camera.start();
    button.textContent = 'Stop the camera';
    // One picture at a time: the next is taken when the last was looked at.
    while (this.#camera.isOn) {
      const bitmap = await this.#camera.picture();
      const { width, height } = bitmap;
      const found = await this.#find(bitmap);
      this.#setBitmap(bitmap);
      this.#current = { name: 'camera', image: new Blob(), scale: 1, size: { width, height }, found };
      this.#draw();
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  }
}
