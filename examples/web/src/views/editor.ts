/** Draws boxes on a picture, with the pointer or the keyboard. */
import { colourOf } from '../dom.ts';
import type { LabelledBox } from '../protocol.ts';

/** A picture that is being labelled. */
export interface Draft {
  readonly name: string;
  readonly image: Blob;
  readonly bitmap: ImageBitmap;
  readonly boxes: LabelledBox[];
}

type Box = LabelledBox['box'];

/** Smaller ones are slips of the pointer. */
const SMALLEST = 4;

export class Editor {
  readonly #canvas: HTMLCanvasElement;
  readonly #changed: () => void;
  #draft: Draft | null = null;
  #corner: [y: number, x: number] | null = null;
  #rubber: Box | null = null;
  #selected = -1;
  label = 0;
  labelNames: readonly string[] = [];

  constructor(canvas: HTMLCanvasElement, changed: () => void) {
    this.#canvas = canvas;
    this.#changed = changed;
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', (event) => this.#up(event));
    canvas.addEventListener('pointercancel', () => {
      this.#corner = this.#rubber = null;
      this.draw();
    });
    canvas.addEventListener('keydown', (event) => this.#key(event));
  }

  get draft(): Draft | null {
    return this.#draft;
  }

  edit(draft: Draft | null): void {
    this.#draft = draft;
    this.#selected = -1;
    if (draft !== null) {
      this.#canvas.width = draft.bitmap.width;
      this.#canvas.height = draft.bitmap.height;
    }
    this.#canvas.hidden = draft === null;
    this.draw();
  }

  remove(index: number): void {
    this.#draft?.boxes.splice(index, 1);
    this.#selected = -1;
    this.#changed();
    this.draw();
  }

  #at(event: PointerEvent): [y: number, x: number] {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const within = (value: number, limit: number) => Math.max(0, Math.min(limit, value));
    return [
      within(((event.clientY - top) / height) * this.#canvas.height, this.#canvas.height),
      within(((event.clientX - left) / width) * this.#canvas.width, this.#canvas.width),
    ];
  }

  #down(event: PointerEvent): void {
    if (this.#draft === null || this.labelNames.length === 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#corner = this.#at(event);
  }

  #move(event: PointerEvent): void {
    if (this.#corner === null) return;
    const [y, x] = this.#at(event);
    const [y0, x0] = this.#corner;
    this.#rubber = [Math.min(y, y0), Math.min(x, x0), Math.max(y, y0), Math.max(x, x0)];
    this.draw();
  }

  #up(event: PointerEvent): void {
    this.#move(event);
    const box = this.#rubber;
    this.#corner = this.#rubber = null;
    if (box !== null && box[2] - box[0] >= SMALLEST && box[3] - box[1] >= SMALLEST) this.#add(box);
    this.draw();
  }

  #add(box: Box): void {
    this.#draft!.boxes.push({ label: this.label, box });
    this.#selected = this.#draft!.boxes.length - 1;
    this.#changed();
  }

  #key(event: KeyboardEvent): void {
    const draft = this.#draft;
    if (draft === null || this.labelNames.length === 0) return;
    const { width, height } = this.#canvas;
    if (event.key === 'Enter') {
      this.#add([height * 0.35, width * 0.35, height * 0.65, width * 0.65]);
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      if (draft.boxes[this.#selected] === undefined) return;
      this.remove(this.#selected);
    } else {
      const step = Math.max(2, Math.round(Math.min(width, height) / 60));
      const [dy, dx] = (
        { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] } as const
      )[event.key as 'ArrowUp'] ?? [0, 0];
      const selected = draft.boxes[this.#selected];
      if (selected === undefined || (dy === 0 && dx === 0)) return;
      const [top, left, bottom, right] = selected.box;
      const move = event.shiftKey ? 0 : 1;
      const next: Box = [
        Math.max(0, top + dy * move),
        Math.max(0, left + dx * move),
        Math.min(height, bottom + dy),
        Math.min(width, right + dx),
      ];
      if (next[2] - next[0] < SMALLEST || next[3] - next[1] < SMALLEST) return;
      draft.boxes[this.#selected] = { ...selected, box: next };
      this.#changed();
    }
    event.preventDefault();
    this.draw();
  }

  draw(): void {
    if (this.#draft === null) return;
    const context = this.#canvas.getContext('2d')!;
    const { bitmap, boxes } = this.#draft;
    context.drawImage(bitmap, 0, 0);
    const line = Math.max(2, Math.round(Math.min(bitmap.width, bitmap.height) / 150));
    const stroke = ([top, left, bottom, right]: Box, colour: string, width: number) => {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(left, top, right - left, bottom - top);
    };
    boxes.forEach(({ label, box }, i) => {
      if (i === this.#selected) stroke(box, '#fff', line * 2.5);
      stroke(box, colourOf(label), line);
    });
    if (this.#rubber !== null) stroke(this.#rubber, colourOf(this.label), line);
  }
}
