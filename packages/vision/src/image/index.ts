export type { Image, PixelData } from './image.ts';
export { type ImageDataLike, type ImageSource, toImage } from './to-image.ts';
