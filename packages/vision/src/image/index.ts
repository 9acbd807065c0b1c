export type { ImageArray, PixelData } from './image-array.ts';
