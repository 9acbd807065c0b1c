import type { ImageDataLike } from '../image/index.ts';

/**
 * What the drawing functions need of a 2-d canvas: `CanvasRenderingContext2D`, `OffscreenCanvasRenderingContext2D` and
 * the contexts of `@napi-rs/canvas` have it.
 */
export interface CanvasContext {
  readonly canvas: { readonly width: number; readonly height: number };
  fillStyle: unknown;
  strokeStyle: unknown;
  lineWidth: number;
  lineJoin: string;
  font: string;
  textBaseline: string;
  textAlign: string;
  fillRect(x: number, y: number, width: number, height: number): void;
  strokeRect(x: number, y: number, width: number, height: number): void;
  fillText(text: string, x: number, y: number): void;
  measureText(text: string): { readonly width: number };
  createImageData(width: number, height: number): ImageDataLike;
  putImageData(pixels: ImageDataLike, x: number, y: number): void;
  save(): void;
  restore(): void;
}

/** ... and to read what it shows. */
export interface PixelContext extends CanvasContext {
  getImageData(x: number, y: number, width: number, height: number): ImageDataLike;
}
