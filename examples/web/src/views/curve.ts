/** The loss by step, every value faintly and their running mean as the line that one reads; and the precision, dashed. */

export class Curve {
  readonly #canvas: HTMLCanvasElement;
  #points: [iteration: number, loss: number][] = [];
  #precision: [iteration: number, map: number][] = [];
  #due = false;
  #length = 1;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    for (const colours of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
      matchMedia(colours).addEventListener('change', () => this.#redraw());
    this.#redraw();
  }

  reset(length: number): void {
    this.#points = [];
    this.#precision = [];
    this.#length = length;
    this.#redraw();
  }

  add(iteration: number, loss: number): void {
    if (Number.isFinite(loss)) this.#points.push([iteration, loss]);
    this.#redraw();
  }

  /** @param map 0 to 1, the whole height. */
  addPrecision(iteration: number, map: number): void {
    this.#precision.push([iteration, map]);
    this.#redraw();
  }

  /** At most once a frame, however fast the steps come. */
  #redraw(): void {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#draw();
    });
  }

  #draw(): void {
    const { width, height } = this.#canvas;
    const context = this.#canvas.getContext('2d')!;
    const style = getComputedStyle(this.#canvas);
    const ink = style.color;
    // Of an outline that is not drawn: a line's colour, also where the user forces colours.
    const accent = style.outlineColor;
    const [left, right, top, bottom] = [60, 15, 20, 45];
    context.clearRect(0, 0, width, height);
    const highest = Math.max(1, ...this.#points.map(([, loss]) => loss));
    const x = (iteration: number) => left + (iteration / this.#length) * (width - left - right);
    const y = (loss: number) => height - bottom - (loss / highest) * (height - top - bottom);
    context.font = '20px system-ui, sans-serif';
    context.fillStyle = ink;
    context.strokeStyle = ink;
    context.globalAlpha = 0.75;
    context.textAlign = 'right';
    for (const share of [0, 0.5, 1]) {
      context.fillText((highest * share).toFixed(1), left - 10, y(highest * share) + 7);
      context.globalAlpha = 0.2;
      context.beginPath();
      context.moveTo(left, y(highest * share));
      context.lineTo(width - right, y(highest * share));
      context.stroke();
      context.globalAlpha = 0.75;
    }
    context.fillText(`step ${this.#length}`, width - right, height - 12);
    context.textAlign = 'left';
    context.fillText(
      this.#precision.length > 0 ? 'loss, and precision (dashed, 0 to 1)' : 'loss',
      left,
      height - 12,
    );
    const path = (values: readonly (readonly [number, number])[]) => {
      context.beginPath();
      for (const [iteration, loss] of values) context.lineTo(x(iteration), y(loss));
      context.stroke();
    };
    context.strokeStyle = accent;
    context.globalAlpha = 0.35;
    context.lineWidth = 1.5;
    path(this.#points);
    let mean = this.#points[0]?.[1] ?? 0;
    context.globalAlpha = 1;
    context.lineWidth = 4;
    path(
      this.#points.map(([iteration, loss]) => {
        mean += (loss - mean) * 0.15;
        return [iteration, mean] as const;
      }),
    );
    context.strokeStyle = ink;
    context.setLineDash([10, 6]);
    context.lineWidth = 3;
    path(this.#precision.map(([iteration, map]) => [iteration, map * highest] as const));
    for (const [iteration, map] of this.#precision) {
      context.beginPath();
      context.arc(x(iteration), y(map * highest), 4, 0, 2 * Math.PI);
      context.fill();
    }
    context.setLineDash([]);
  }
}
