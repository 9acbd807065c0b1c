import { coco } from './coco.ts';
import { createMl } from './createml.ts';
import type { Format } from './format.ts';
import { labelMe } from './labelme.ts';
import { pascalVoc } from './voc.ts';
import { yolo } from './yolo.ts';

/** Every format of annotations, in the order they are looked for. */
export const formats: readonly Format[] = [pascalVoc, coco, yolo, labelMe, createMl];
