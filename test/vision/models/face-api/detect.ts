/** A program with face-api.js on plain tfjs: prints the faces of the photos that are named, as JSON. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type * as FaceApi from '@vladmandic/face-api';
import { faceApiFolder, readPhoto } from './photos.ts';

export interface Face {
  readonly score: number;
  /** Corners (ymin, xmin, ymax, xmax) in pixels. */
  readonly bb: readonly number[];
}

const faceapi: typeof FaceApi = createRequire(import.meta.url)(
  '@vladmandic/face-api/dist/face-api.node-wasm.js',
);
await tf.setBackend('wasm');
await tf.ready();
await faceapi.nets.ssdMobilenetv1.loadFromDisk(join(faceApiFolder, 'model'));

const options = new faceapi.SsdMobilenetv1Options({ minConfidence: 0.1 });
const found: Record<string, Face[]> = {};
for (const name of process.argv.slice(2)) {
  const { data, shape } = await readPhoto(name);
  const image = tf.tensor3d(data, shape, 'int32');
  // Its types are a copy of tfjs' own.
  const faces = await faceapi.detectAllFaces(image as unknown as FaceApi.TNetInput, options);
  image.dispose();
  found[name] = faces.map(({ score, box: { x, y, width, height } }) => ({
    score,
    bb: [y, x, y + height, x + width],
  }));
}
console.log(JSON.stringify(found));
