/** Pictures in, boxes out. */
import type { Client } from '../client.ts';
import { acceptDrops, byId, colourOf, download, listOf, make } from '../dom.ts';
import type { Detections } from '../protocol.ts';

interface Shown {
  readonly name: string;
  readonly bitmap: ImageBitmap;
  found: Detections | null;
}

/** Boxes below this are never asked for; the slider works on what was found. */
const LOWEST = 0.05;

export class DetectView {
  readonly #client: Client;
  readonly #pictures: Shown[] = [];
  #current: Shown | null = null;
  #stream: MediaStream | null = null;
  #failed: (error: unknown) => void;

  constructor(client: Client, failed: (error: unknown) => void) {
    this.#client = client;
    this.#failed = failed;
    acceptDrops(byId('drop'), (files) => this.#add(files.map(([, file]) => file)));
    byId<HTMLInputElement>('files').addEventListener('change', (event) => {
      const input = event.target as HTMLInputElement;
      this.#add(listOf(input.files));
      input.value = '';
    });
    document.addEventListener('paste', (event) => this.#add(listOf(event.clipboardData?.files)));
    for (const button of document.querySelectorAll<HTMLButtonElement>('.example'))
      button.addEventListener('click', async () => {
        const name = `${button.dataset['picture']}.png`;
        const response = await fetch(`examples/${name}`);
        this.#add([new File([await response.blob()], name, { type: 'image/png' })]);
      });
    byId('threshold').addEventListener('input', () => this.#draw());
    byId('save-png').addEventListener('click', () => this.#savePng());
    byId('save-json').addEventListener('click', () => this.#saveJson());
    byId('use-camera').addEventListener('click', () => void this.#toggleCamera().catch(failed));
  }

  get picture(): ImageBitmap | null {
    return this.#current?.bitmap ?? null;
  }

  get #threshold(): number {
    return Number(byId<HTMLInputElement>('threshold').value);
  }

  /** After another model or backend was chosen: what was found before is of the old one. */
  refresh(): void {
    for (const picture of this.#pictures) picture.found = null;
    if (this.#current !== null) void this.#show(this.#current);
  }

  #add(files: readonly File[]): void {
    const images = files.filter(({ type }) => type.startsWith('image/'));
    if (files.length > 0 && images.length === 0) this.#failed(new Error('That is not a picture.'));
    void (async () => {
      for (const file of images) {
        try {
          const picture = { name: file.name, bitmap: await createImageBitmap(file), found: null };
          this.#pictures.push(picture);
          this.#addThumbnail(picture, file);
          await this.#show(picture);
        } catch {
          this.#failed(new Error(`${file.name} cannot be read as a picture.`));
        }
      }
    })();
  }

  #addThumbnail(picture: Shown, file: File): void {
    const image = make('img', { src: URL.createObjectURL(file), alt: picture.name });
    image.onload = () => URL.revokeObjectURL(image.src);
    const button = make('button', { type: 'button' }, image);
    button.addEventListener('click', () => void this.#show(picture));
    const strip = byId('strip');
    strip.append(button);
    strip.hidden = this.#pictures.length < 2;
  }

  async #show(picture: Shown): Promise<void> {
    this.#current = picture;
    const buttons = byId('strip').children;
    [...buttons].forEach((button, i) => {
      button.setAttribute('aria-current', String(this.#pictures[i] === picture));
    });
    byId('empty').hidden = true;
    byId('view').hidden = false;
    this.#draw();
    if (picture.found !== null) return;
    byId('timing').textContent = 'Looking …';
    try {
      await this.#find(picture);
    } catch (error) {
      byId('timing').textContent = '';
      this.#failed(error);
    }
    if (this.#current === picture) this.#draw();
  }

  async #find(picture: Shown): Promise<void> {
    const copy = await createImageBitmap(picture.bitmap);
    picture.found = await this.#client.call('detect', { image: copy, threshold: LOWEST }, [copy]);
  }

  #draw(): void {
    byId('threshold-value').textContent = this.#threshold.toFixed(2);
    if (this.#current === null) return;
    const { bitmap, found } = this.#current;
    const canvas = byId<HTMLCanvasElement>('view');
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height)
      Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    const context = canvas.getContext('2d')!;
    context.drawImage(bitmap, 0, 0);
    const list = byId('found');
    list.replaceChildren();
    for (const id of ['save-png', 'save-json']) byId<HTMLButtonElement>(id).disabled = found === null;
    if (found === null) return;
    const count = found.score.findIndex((score) => score < this.#threshold);
    const shown = count < 0 ? found.score.length : count;
    for (let i = shown - 1; i >= 0; i--) drawBox(context, found, i, shown > 8 ? 36 : 24);
    for (let i = 0; i < shown; i++) {
      const score = found.score[i]!;
      list.append(
        make(
          'li',
          {},
          make('span', { textContent: found.labelNames[found.label[i]!] ?? `class ${found.label[i]}` }),
          make('span', { className: 'score', textContent: score.toFixed(2) }),
          make('meter', { min: 0, max: 1, value: score, ariaLabel: 'score' }),
        ),
      );
    }
    if (shown === 0)
      list.append(make('li', { className: 'muted', textContent: 'Nothing above the threshold.' }));
    byId('timing').textContent =
      `${found.milliseconds.toFixed(0)} ms for ${bitmap.width} x ${bitmap.height} pixels`;
  }

  #baseName(): string {
    return (this.#current?.name ?? 'picture').replace(/\.[^.]*$/, '');
  }

  #savePng(): void {
    byId<HTMLCanvasElement>('view').toBlob((blob) => {
      if (blob !== null) download(`${this.#baseName()}-detected.png`, blob);
    });
  }

  #saveJson(): void {
    const { found, bitmap, name } = this.#current!;
    if (found === null) return;
    const objects = [...found.score].flatMap((score, i) =>
      score < this.#threshold
        ? []
        : [
            {
              label: found.labelNames[found.label[i]!],
              score,
              bbox: [...found.bbox.subarray(4 * i, 4 * i + 4)],
            },
          ],
    );
    const about = {
      picture: name,
      width: bitmap.width,
      height: bitmap.height,
      bboxOrder: 'yMin, xMin, yMax, xMax',
    };
    const text = JSON.stringify({ ...about, objects }, null, 2);
    download(`${this.#baseName()}.json`, new Blob([text], { type: 'application/json' }));
  }

  async #toggleCamera(): Promise<void> {
    const button = byId('use-camera');
    const video = byId<HTMLVideoElement>('camera');
    if (this.#stream !== null) {
      for (const track of this.#stream.getTracks()) track.stop();
      this.#stream = null;
      button.textContent = 'Camera';
      return;
    }
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
    } catch {
      throw new Error('There is no camera, or this page may not use it.');
    }
    button.textContent = 'Stop the camera';
    video.srcObject = this.#stream;
    await video.play();
    // One picture at a time: the next is taken when the last was looked at.
    while (this.#stream !== null) {
      const picture: Shown = { name: 'camera', bitmap: await createImageBitmap(video), found: null };
      await this.#find(picture);
      if (this.#current?.name === 'camera') this.#current.bitmap.close();
      this.#current = picture;
      byId('empty').hidden = true;
      byId('view').hidden = false;
      this.#draw();
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  }
}

/** @param share the letters are so many times smaller than the picture: small ones where there are many boxes. */
function drawBox(context: CanvasRenderingContext2D, found: Detections, i: number, share: number): void {
  const [top, left, bottom, right] = found.bbox.subarray(4 * i, 4 * i + 4) as unknown as [
    number,
    number,
    number,
    number,
  ];
  const { width, height } = context.canvas;
  const size = Math.max(12, Math.round(Math.min(width, height) / share));
  const label = found.label[i]!;
  context.strokeStyle = context.fillStyle = colourOf(label);
  context.lineWidth = Math.max(2, size / 6);
  context.strokeRect(left, top, right - left, bottom - top);
  context.font = `600 ${size}px system-ui, sans-serif`;
  const text = `${found.labelNames[label] ?? label} ${found.score[i]!.toFixed(2)}`;
  const textWidth = context.measureText(text).width + size * 0.7;
  const x = Math.max(0, Math.min(left - context.lineWidth / 2, width - textWidth));
  const y = Math.max(0, top - size * 1.4);
  context.fillRect(x, y, textWidth, size * 1.4);
  context.fillStyle = '#fff';
  context.fillText(text, x + size * 0.35, y + size * 1.03);
}
