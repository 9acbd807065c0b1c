/** The tree of links, filters and feature maps. */
import type { Client } from '../client.ts';
import { byId, make } from '../dom.ts';
import type { Figure, TreeRow } from '../protocol.ts';

const depthOf = (path: string) => (path === '/' ? 0 : path.split('/').length - 1);

export class InspectView {
  readonly #client: Client;
  readonly #pictureOf: () => ImageBitmap | null;
  readonly #failed: (error: unknown) => void;
  readonly #closed = new Set<string>();

  constructor(client: Client, pictureOf: () => ImageBitmap | null, failed: (error: unknown) => void) {
    this.#client = client;
    this.#pictureOf = pictureOf;
    this.#failed = failed;
    byId('map-link').addEventListener('change', () => void this.#showMaps().catch(failed));
  }

  async open(): Promise<void> {
    try {
      const rows = await this.#client.call('tree', null);
      this.#showTree(rows);
      this.#fillLinks(rows);
      show('filters', await this.#client.call('filters', null));
      await this.#showMaps();
    } catch (error) {
      this.#failed(error);
    }
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
    const picture = this.#pictureOf();
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
      const line = this.#line(row);
      if ((rows[i + 1] === undefined ? 0 : depthOf(rows[i + 1]!.path)) <= depth) {
        parent.append(line);
        return;
      }
      const details = make(
        'details',
        { open: depth < 2 && !this.#closed.has(row.path) },
        make('summary', {}, line),
      );
      parent.append(details);
      stack.push({ depth, element: details });
    });
  }

  #line({ path, link, params, count, outputs, frozen }: TreeRow): HTMLElement {
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
      toggle,
    );
    const text = [shapes, outputs === '' || shapes === '' ? '' : `gives ${outputs}`]
      .filter((part) => part !== '')
      .join('; ');
    if (text !== '') line.append(make('span', { className: 'shapes', textContent: text }));
    return line;
  }
}

function show(id: string, { image, caption }: Figure): void {
  const canvas = byId<HTMLCanvasElement>(id);
  Object.assign(canvas, { width: image.width, height: image.height });
  canvas.getContext('2d')!.putImageData(image, 0, 0);
  canvas.dataset['drawn'] = '';
  byId(`${id}-caption`).textContent = caption;
}
