/** Draws, selects, moves and resizes boxes on a picture, with pointer, fingers or keyboard; zooms and pans. */
import { colourOf } from '../dom.ts';
import {
  boxAt,
  boxBetween,
  type Handle,
  handleAt,
  handlePlace,
  handles,
  moved,
  type Point,
  resized,
  type Size,
} from '../project/boxes.ts';
import type { Box, LabelledBox, Picture } from '../project/project.ts';

export interface EditorEvents {
  /** @param kind changes of one kind that follow each other are undone together. */
  change(boxes: readonly LabelledBox[], kind: string | null): void;
  /** Another box is selected or under the pointer. */
  hint(): void;
  /** A key that is not the editor's own. */
  key(event: KeyboardEvent): boolean;
}

/** How far a finger or pointer may be off, in pixels of the screen. */
const REACH = { mouse: 8, touch: 22, pen: 12 } as const;
const MAX_ZOOM = 16;
/** Of the wheel: pixels of a line, and as many as count of one turn that zooms. */
const LINE = 16;
const MAX_TURN = 25;

type Drag =
  | { readonly kind: 'draw'; readonly from: Point; box: Box | null }
  | { readonly kind: 'move'; readonly from: Point; readonly box: Box; next: Box }
  | { readonly kind: 'resize'; readonly handle: Handle; readonly box: Box; next: Box }
  | { readonly kind: 'pan'; last: Point }
  | null;

export class Editor {
  readonly #canvas: HTMLCanvasElement;
  readonly #events: EditorEvents;
  readonly #pointers = new Map<number, Point>();
  #picture: Picture | null = null;
  #bitmap: ImageBitmap | null = null;
  #drag: Drag = null;
  #pinch: { distance: number; middle: Point } | null = null;
  #cross: Point | null = null;
  #space = false;
  #due = false;
  /** Of the whole picture in the canvas, and the place in the picture that is in its middle. */
  #zoom = 1;
  #middle: Point = [0, 0];
  selected = -1;
  hovered = -1;
  label = 0;
  labelNames: readonly string[] = [];

  constructor(canvas: HTMLCanvasElement, events: EditorEvents) {
    this.#canvas = canvas;
    this.#events = events;
    // The keys are its own: screen readers pass them on.
    canvas.role = 'application';
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', (event) => this.#up(event));
    canvas.addEventListener('pointercancel', (event) => this.#up(event, true));
    canvas.addEventListener('pointerleave', () => {
      this.#cross = null;
      this.#hover(-1);
    });
    canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('keyup', ({ key }) => {
      if (key === ' ') this.#space = false;
    });
    canvas.addEventListener('blur', () => {
      this.#space = false;
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  get picture(): Picture | null {
    return this.#picture;
  }

  get #boxes(): readonly LabelledBox[] {
    return this.#picture?.boxes ?? [];
  }

  get #size(): Size {
    return [this.#picture!.height, this.#picture!.width];
  }

  /** Another picture, or the same with other boxes. */
  show(picture: Picture | null, bitmap: ImageBitmap | null): void {
    const isOther = picture?.id !== this.#picture?.id;
    if (bitmap !== this.#bitmap) this.#bitmap?.close();
    this.#picture = picture;
    this.#bitmap = bitmap;
    if (isOther) {
      this.selected = this.hovered = -1;
      this.#drag = null;
      if (picture !== null) this.fit();
    }
    if (this.selected >= this.#boxes.length) this.selected = -1;
    this.#canvas.hidden = picture === null;
    this.#canvas.dataset['picture'] = picture?.name ?? '';
    this.draw();
  }

  fit(): void {
    this.#zoom = 1;
    if (this.#picture !== null) this.#middle = [this.#picture.height / 2, this.#picture.width / 2];
    this.draw();
  }

  /** @param at a place of the picture that stays where it is. */
  zoom(factor: number, at: Point = this.#middle): void {
    const zoom = Math.max(1, Math.min(MAX_ZOOM, this.#zoom * factor));
    const ratio = this.#zoom / zoom;
    this.#zoom = zoom;
    this.#middle = [at[0] + (this.#middle[0] - at[0]) * ratio, at[1] + (this.#middle[1] - at[1]) * ratio];
    this.#keepInside();
    this.draw();
  }

  #keepInside(): void {
    const [height, width] = this.#size;
    const half = (side: number) => side / (2 * this.#zoom);
    const within = (value: number, side: number) => Math.max(half(side), Math.min(side - half(side), value));
    this.#middle = [within(this.#middle[0], height), within(this.#middle[1], width)];
  }

  select(index: number): void {
    this.selected = index;
    this.#events.hint();
    this.draw();
  }

  remove(index: number): void {
    this.selected = -1;
    this.#events.change(
      this.#boxes.filter((_, i) => i !== index),
      null,
    );
  }

  /** Another class for the selected box. @returns whether there was one. */
  relabel(label: number, index = this.selected): boolean {
    if (this.#boxes[index] === undefined) return false;
    this.#set(index, { label, box: this.#boxes[index].box }, null);
    return true;
  }

  #set(index: number, box: LabelledBox, kind: string | null): void {
    this.#events.change(
      this.#boxes.map((each, i) => (i === index ? box : each)),
      kind,
    );
  }

  #add(box: Box): void {
    this.selected = this.#boxes.length;
    this.#events.change([...this.#boxes, { label: this.label, box }], null);
  }

  // ---- places --------------------------------------------------------------------------------------------------------

  /** Pixels of the screen in one of the picture. */
  get #scale(): number {
    const { clientWidth, clientHeight } = this.#canvas;
    const [height, width] = this.#size;
    return Math.min(clientWidth / width, clientHeight / height) * this.#zoom;
  }

  #at({ clientX, clientY }: { clientX: number; clientY: number }): Point {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const scale = this.#scale;
    return [
      this.#middle[0] + (clientY - top - height / 2) / scale,
      this.#middle[1] + (clientX - left - width / 2) / scale,
    ];
  }

  // ---- pointers ------------------------------------------------------------------------------------------------------

  #down(event: PointerEvent): void {
    if (this.#picture === null) return;
    this.#canvas.focus({ preventScroll: true });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, [event.clientY, event.clientX]);
    if (this.#pointers.size >= 2) {
      // The second finger: what the first had begun was no box. A third one changes nothing.
      this.#drag = null;
      if (this.#pointers.size === 2) this.#pinch = this.#fingers();
      this.draw();
      return;
    }
    const at = this.#at(event);
    if (event.button === 1 || this.#space) {
      this.#drag = { kind: 'pan', last: [event.clientY, event.clientX] };
      return;
    }
    if (event.button !== 0) return;
    const reach = REACH[event.pointerType as keyof typeof REACH] ?? REACH.mouse;
    const slack = reach / this.#scale;
    const current = this.#boxes[this.selected];
    const handle = current === undefined ? null : handleAt(current.box, at, slack);
    if (handle !== null) {
      this.#drag = { kind: 'resize', handle, box: current!.box, next: current!.box };
    } else {
      const [height, width] = this.#size;
      const inside = (box: Box) => at[0] >= box[0] && at[0] <= box[2] && at[1] >= box[1] && at[1] <= box[3];
      // Only a selected box moves, and Alt draws over it: boxes in boxes can be drawn.
      if (current !== undefined && !event.altKey && inside(current.box)) {
        this.#drag = { kind: 'move', from: at, box: current.box, next: current.box };
      } else if (at[0] > -slack && at[1] > -slack && at[0] < height + slack && at[1] < width + slack) {
        this.#drag = { kind: 'draw', from: at, box: null };
      }
    }
    this.draw();
  }

  #fingers(): { distance: number; middle: Point } {
    const [a, b] = [...this.#pointers.values()] as [Point, Point];
    return {
      distance: Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1])),
      middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2],
    };
  }

  #move(event: PointerEvent): void {
    if (this.#picture === null) return;
    if (this.#pointers.has(event.pointerId))
      this.#pointers.set(event.pointerId, [event.clientY, event.clientX]);
    if (this.#pinch !== null && this.#pointers.size === 2) {
      const next = this.#fingers();
      const { distance, middle } = this.#pinch;
      // First both, then what keeps it inside: the fingers' events come one after the other.
      this.#shift(next.middle[0] - middle[0], next.middle[1] - middle[1]);
      this.zoom(next.distance / distance, this.#at({ clientY: next.middle[0], clientX: next.middle[1] }));
      this.#pinch = next;
      return;
    }
    const at = this.#at(event);
    this.#cross = event.pointerType === 'touch' ? null : at;
    const drag = this.#drag;
    if (drag === null) this.#hover(boxAt(this.#boxes, at, 0));
    else if (drag.kind === 'pan') {
      this.#pan(event.clientY - drag.last[0], event.clientX - drag.last[1]);
      drag.last = [event.clientY, event.clientX];
    } else if (drag.kind === 'draw') drag.box = boxBetween(drag.from, at, this.#size);
    else if (drag.kind === 'move')
      drag.next = moved(drag.box, at[0] - drag.from[0], at[1] - drag.from[1], this.#size);
    else drag.next = resized(drag.box, drag.handle, at, this.#size);
    this.draw();
  }

  /** By pixels of the screen. */
  #shift(dy: number, dx: number): void {
    this.#middle = [this.#middle[0] - dy / this.#scale, this.#middle[1] - dx / this.#scale];
  }

  #pan(dy: number, dx: number): void {
    this.#shift(dy, dx);
    this.#keepInside();
  }

  #up(event: PointerEvent, cancelled = false): void {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (this.#pinch !== null) {
      if (this.#pointers.size === 0) this.#pinch = null;
      return;
    }
    const drag = this.#drag;
    this.#drag = null;
    this.draw();
    if (drag === null || cancelled || this.#picture === null) return;
    if (drag.kind === 'draw') {
      if (drag.box === null) this.select(boxAt(this.#boxes, drag.from, 4 / this.#scale));
      else if (this.labelNames.length > 0) this.#add(drag.box);
    } else if (drag.kind !== 'pan' && drag.next !== drag.box) {
      this.#set(this.selected, { label: this.#boxes[this.selected]!.label, box: drag.next }, null);
    } else if (drag.kind === 'move') {
      // A click on a selected box takes the next one that lies there.
      const under = boxAt(
        this.#boxes.map((box, i) => (i === this.selected ? { box: [0, 0, -1, -1] as const } : box)),
        drag.from,
        0,
      );
      if (under >= 0) this.select(under);
    }
    this.draw();
  }

  #hover(index: number): void {
    if (index !== this.hovered) {
      this.hovered = index;
      this.#events.hint();
    }
    this.draw();
  }

  #wheel(event: WheelEvent): void {
    if (this.#picture === null) return;
    const { ctrlKey, metaKey, shiftKey, deltaX, deltaY, deltaMode } = event;
    const pixels = [1, LINE, this.#canvas.clientHeight][deltaMode]!;
    // A pinch of a touchpad comes with Ctrl, in small steps; a wheel turns in large ones.
    if (ctrlKey || metaKey) {
      const turned = Math.max(-MAX_TURN, Math.min(MAX_TURN, deltaY * pixels));
      this.zoom(Math.exp(-turned / 100), this.#at(event));
    } else {
      const [y, x] = this.#middle;
      const aside = shiftKey && deltaX === 0;
      this.#pan(aside ? 0 : -deltaY * pixels, (aside ? -deltaY : -deltaX) * pixels);
      // Where the picture goes no further, the page scrolls.
      if (this.#middle[0] === y && this.#middle[1] === x) return;
      this.draw();
    }
    event.preventDefault();
  }

  // ---- keyboard ------------------------------------------------------------------------------------------------------

  #key(event: KeyboardEvent): void {
    const picture = this.#picture;
    if (picture === null) return;
    const { key, shiftKey, altKey } = event;
    const size = this.#size;
    const selected = this.#boxes[this.selected];
    const step = altKey ? 1 : Math.max(2, Math.round(Math.min(...size) / 60));
    const arrow = (
      { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] } as const
    )[key as 'ArrowUp'];
    const next = this.selected + (shiftKey ? -1 : 1);
    if (key === 'Enter' && this.labelNames.length > 0) {
      const [h, w] = [size[0] / this.#zoom / 2, size[1] / this.#zoom / 2];
      const [y, x] = this.#middle;
      const box = boxBetween([y - h * 0.4, x - w * 0.4], [y + h * 0.4, x + w * 0.4], size);
      if (box !== null) this.#add(box);
    } else if ((key === 'Delete' || key === 'Backspace') && selected !== undefined) {
      this.remove(this.selected);
    } else if (key === 'Escape' && (selected !== undefined || this.#drag !== null)) {
      this.#drag = null;
      this.select(-1);
    } else if (key === 'Tab' && next >= 0 && next < this.#boxes.length) {
      this.select(next);
    } else if (arrow !== undefined && selected !== undefined) {
      const [dy, dx] = arrow;
      const { box } = selected;
      const to = shiftKey ? resized(box, [1, 1], [box[2] + dy, box[3] + dx], size) : moved(box, dy, dx, size);
      this.#set(this.selected, { label: selected.label, box: to }, `arrow-${picture.id}-${this.selected}`);
    } else if (key === '+' || key === '=') this.zoom(1.5);
    else if (key === '-') this.zoom(1 / 1.5);
    else if (key === '0') this.fit();
    else if (key === ' ') this.#space = true;
    else if (!this.#events.key(event)) return;
    event.preventDefault();
    this.draw();
  }

  // ---- drawing -------------------------------------------------------------------------------------------------------

  /** At most once a frame. */
  draw(): void {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#paint();
    });
  }

  #paint(): void {
    const canvas = this.#canvas;
    if (this.#picture === null || this.#bitmap === null || canvas.clientWidth === 0) return;
    const ratio = devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio))
      Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const context = canvas.getContext('2d')!;
    const scale = this.#scale;
    const [left, top] = [width / 2 - this.#middle[1] * scale, height / 2 - this.#middle[0] * scale];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = scale < 3;
    const [rows, columns] = this.#size;
    context.drawImage(this.#bitmap, left, top, columns * scale, rows * scale);
    const onScreen = (box: Box) =>
      [
        left + box[1] * scale,
        top + box[0] * scale,
        (box[3] - box[1]) * scale,
        (box[2] - box[0]) * scale,
      ] as const;
    const drag = this.#drag;
    this.#boxes.forEach(({ label, box, suggested }, i) => {
      const isActive = i === this.selected;
      const now = isActive && (drag?.kind === 'move' || drag?.kind === 'resize') ? drag.next : box;
      const [x, y, w, h] = onScreen(now);
      if (isActive || i === this.hovered) {
        context.fillStyle = `${colourOf(label)}33`;
        context.fillRect(x, y, w, h);
      }
      context.setLineDash(suggested ? [7, 5] : []);
      context.strokeStyle = '#fffb';
      context.lineWidth = isActive ? 5 : 4;
      context.strokeRect(x, y, w, h);
      context.strokeStyle = colourOf(label);
      context.lineWidth = isActive ? 3 : 2;
      context.strokeRect(x, y, w, h);
      context.setLineDash([]);
      this.#name(context, `${this.labelNames[label] ?? ''}${suggested ? '?' : ''}`, label, x, y);
      if (!isActive) return;
      for (const handle of handles) {
        const [v, u] = handlePlace(now, handle);
        context.fillStyle = '#fff';
        context.strokeStyle = colourOf(label);
        context.lineWidth = 2;
        context.beginPath();
        context.arc(left + u * scale, top + v * scale, 5, 0, 2 * Math.PI);
        context.fill();
        context.stroke();
      }
    });
    if (drag?.kind === 'draw' && drag.box !== null) {
      context.strokeStyle = colourOf(this.label);
      context.lineWidth = 2;
      context.strokeRect(...onScreen(drag.box));
    }
    if (this.#cross !== null) this.#crosshair(context, left, top, scale, width, height);
  }

  #name(context: CanvasRenderingContext2D, text: string, label: number, x: number, y: number): void {
    context.font = '600 12px system-ui, sans-serif';
    const width = context.measureText(text).width + 8;
    const top = Math.max(0, y - 18);
    context.fillStyle = colourOf(label);
    context.fillRect(x - 1, top, width, 17);
    context.fillStyle = '#fff';
    context.fillText(text, x + 3, top + 12.5);
  }

  #crosshair(
    context: CanvasRenderingContext2D,
    left: number,
    top: number,
    scale: number,
    width: number,
    height: number,
  ): void {
    const [y, x] = [top + this.#cross![0] * scale, left + this.#cross![1] * scale];
    for (const [colour, line] of [
      ['#000a', 3],
      ['#fff', 1],
    ] as const) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.moveTo(x, 0);
      context.lineTo(x, height);
      context.stroke();
    }
  }
}
