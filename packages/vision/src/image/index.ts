export type { Image, PixelData } from './image.ts';
export { maxImagePixels } from './image-header.ts';
export { type ImageDataLike, type ImageSource, type ToImageOptions, toImage } from './to-image.ts';
