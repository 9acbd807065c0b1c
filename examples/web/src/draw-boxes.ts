/** Boxes with their names on a canvas. */
import { colourOf } from './dom.ts';
import type { Box } from './project/project.ts';

export interface DrawnBox {
  readonly box: Box;
  readonly label: number;
  readonly text: string;
}

/** @param share letters are so many times smaller than the picture: small ones where there are many boxes. */
export function drawBoxes(
  context: CanvasRenderingContext2D,
  boxes: readonly DrawnBox[],
  share = boxes.length > 8 ? 36 : 24,
): void {
  const { width, height } = context.canvas;
  const size = Math.max(12, Math.round(Math.min(width, height) / share));
  // The best, which come first, are drawn last.
  for (const { box, label, text } of boxes.toReversed()) {
    const [top, left, bottom, right] = box;
    context.strokeStyle = context.fillStyle = colourOf(label);
    context.lineWidth = Math.max(2, size / 6);
    context.strokeRect(left, top, right - left, bottom - top);
    context.font = `600 ${size}px system-ui, sans-serif`;
    const textWidth = context.measureText(text).width + size * 0.7;
    const x = Math.max(0, Math.min(left - context.lineWidth / 2, width - textWidth));
    const y = Math.max(0, top - size * 1.4);
    context.fillRect(x, y, textWidth, size * 1.4);
    context.fillStyle = '#fff';
    context.fillText(text, x + size * 0.35, y + size * 1.03);
  }
}
