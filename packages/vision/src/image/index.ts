export type { ImageArray, PixelData } from './image-array.ts';
export { type ImageSource, type SizedPixels, toImageArray } from './to-image-array.ts';
