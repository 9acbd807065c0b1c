/** Why a thing was found, the first filters, feature maps, and the layers with their switches. */
import type { Client } from '../client.ts';
import { byId, make } from '../dom.ts';
import type { Explanation, Figure, TreeRow } from '../protocol.ts';
import type { DetectView } from './detect.ts';

const depthOf = (path: string) => (path === '/' ? 0 : path.split('/').length - 1);

export class InspectView {
  readonly #client: Client;
  readonly #detect: DetectView;
  readonly #failed: (error: unknown) => void;

  constructor(client: Client, detect: DetectView, failed: (error: unknown) => void) {
    this.#client = client;
    this.#detect = detect;
    this.#failed = failed;
    byId('map-link').addEventListener('change', () => void this.#showMaps().catch(failed));
    byId('why').addEventListener('click', () => void this.#explain().catch(failed));
  }

  async open(): Promise<void> {
    try {
      this.#fillFinds();
      const rows = await this.#client.call('tree', null);
      this.#showTree(rows);
      this.#fillLinks(rows);
      show('filters', await this.#client.call('filters', null));
      await this.#showMaps();
    } catch (error) {
      this.#failed(error);
    }
  }

  #fillFinds(): void {
    const finds = this.#detect.finds;
    byId('why-find').replaceChildren(
      ...finds.map(({ name, score }, i) =>
        make('option', { value: String(i), textContent: `${name} ${score.toFixed(2)}` }),
      ),
    );
    byId<HTMLSelectElement>('why-find').disabled = byId<HTMLButtonElement>('why').disabled =
      finds.length === 0;
    byId('why-map').hidden = true;
    byId('why-caption').textContent =
      finds.length === 0
        ? 'Search a picture under “Detect” first, one in which something is found.'
        : 'It looks again with each of 64 parts covered, which takes a while.';
  }

  async #explain(): Promise<void> {
    const find = this.#detect.finds[Number(byId<HTMLSelectElement>('why-find').value)];
    const picture = this.#detect.picture;
    if (find === undefined || picture === null) return;
    byId('why-caption').textContent = 'Looking again, with parts covered …';
    const copy = await createImageBitmap(picture);
    const { box, label, name } = find;
    const explanation = await this.#client.call('explain', { image: copy, box, label }, [copy]);
    drawHeat(byId<HTMLCanvasElement>('why-map'), picture, explanation);
    const lost = Math.max(...explanation.values);
    byId('why-caption').textContent =
      lost < 0.02
        ? `No single part of the picture decides that this is “${name}”.`
        : `Bright: covered, the score of “${name}” falls by up to ${lost.toFixed(2)} from ${explanation.score.toFixed(2)}.`;
  }

  #fillLinks(rows: readonly TreeRow[]): void {
    const select = byId<HTMLSelectElement>('map-link');
    const chosen = select.value;
    const convolutions = rows.filter(({ link }) => link === 'Convolution2D').map(({ path }) => path);
    select.replaceChildren(...convolutions.map((path) => make('option', { value: path, textContent: path })));
    select.value = convolutions.includes(chosen)
      ? chosen
      : (convolutions.find((p) => p.endsWith('conv0')) ?? '');
  }

  async #showMaps(): Promise<void> {
    const { picture } = this.#detect;
    byId('maps-hint').textContent =
      picture === null ? 'Choose a picture under “Detect” first.' : 'Of the picture under “Detect”.';
    if (picture === null) return;
    const copy = await createImageBitmap(picture);
    const path = byId<HTMLSelectElement>('map-link').value;
    show('maps', await this.#client.call('featureMaps', { image: copy, path }, [copy]));
  }

  #showTree(rows: readonly TreeRow[]): void {
    const tree = byId('tree');
    const stack: { depth: number; element: HTMLElement }[] = [{ depth: -1, element: tree }];
    tree.replaceChildren();
    rows.forEach((row, i) => {
      const depth = depthOf(row.path);
      while (stack.at(-1)!.depth >= depth) stack.pop();
      const parent = stack.at(-1)!.element;
      const { line, toggle } = this.#line(row);
      if ((rows[i + 1] === undefined ? 0 : depthOf(rows[i + 1]!.path)) <= depth) {
        toggle.className = 'leaf';
        line.append(toggle);
        parent.append(line);
        return;
      }
      const details = make('details', { open: depth < 2 }, make('summary', {}, line));
      // Beside the summary, not in it: what opens must hold nothing else to press.
      toggle.className = 'switch';
      parent.append(make('div', { className: 'branch' }, details, toggle));
      stack.push({ depth, element: details });
    });
  }

  #line({ path, link, params, count, outputs, frozen }: TreeRow): { line: HTMLElement; toggle: HTMLElement } {
    const name = path === '/' ? 'model' : path.slice(path.lastIndexOf('/') + 1);
    const toggle = make('input', {
      type: 'checkbox',
      checked: frozen === 'all',
      indeterminate: frozen === 'some',
      ariaLabel: `Freeze ${path}`,
    });
    toggle.addEventListener('change', async () => {
      try {
        const open = [...document.querySelectorAll('#tree details')].map(
          (each) => (each as HTMLDetailsElement).open,
        );
        this.#showTree(await this.#client.call('freeze', { path, frozen: toggle.checked }));
        document.querySelectorAll('#tree details').forEach((each, i) => {
          (each as HTMLDetailsElement).open = open[i]!;
        });
        document.querySelector<HTMLInputElement>(`[aria-label="Freeze ${path}"]`)?.focus();
      } catch (error) {
        this.#failed(error);
      }
    });
    const shapes = params.map((param) => `${param.name} (${param.shape.join(', ')})`).join(', ');
    const line = make(
      'div',
      { className: 'link' },
      make('span', { className: 'name' }, name, ' ', make('span', { className: 'kind', textContent: link })),
      make('span', { className: 'count', textContent: count === 0 ? '' : count.toLocaleString('en') }),
    );
    const text = [shapes, outputs === '' || shapes === '' ? '' : `gives ${outputs}`]
      .filter((part) => part !== '')
      .join('; ');
    if (text !== '') line.append(make('span', { className: 'shapes', textContent: text }));
    return { line, toggle };
  }
}

/** The picture, dark where nothing depends on it. */
function drawHeat(canvas: HTMLCanvasElement, picture: ImageBitmap, { values, side }: Explanation): void {
  Object.assign(canvas, { width: picture.width, height: picture.height, hidden: false });
  const context = canvas.getContext('2d')!;
  context.drawImage(picture, 0, 0);
  const most = Math.max(...values, 0.02);
  const shade = new OffscreenCanvas(side, side);
  const pixels = new ImageData(side, side);
  values.forEach((value, i) => {
    const part = value / most;
    // Warm where it looked, and a dark veil elsewhere.
    pixels.data.set([255 * part, 140 * part, 20 * part, 190 - 90 * part], 4 * i);
  });
  shade.getContext('2d')!.putImageData(pixels, 0, 0);
  context.imageSmoothingQuality = 'high';
  context.drawImage(shade, 0, 0, canvas.width, canvas.height);
}

function show(id: string, { image, caption }: Figure): void {
  const canvas = byId<HTMLCanvasElement>(id);
  Object.assign(canvas, { width: image.width, height: image.height });
  canvas.getContext('2d')!.putImageData(image, 0, 0);
  canvas.dataset['drawn'] = '';
  byId(`${id}-caption`).textContent = caption;
}
