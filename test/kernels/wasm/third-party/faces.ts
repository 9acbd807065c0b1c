/** A program with face-api.js: two detectors, and all that it tells of a face. Prints JSON. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import type * as FaceApi from '@vladmandic/face-api';
import sharp from 'sharp';

const require = createRequire(import.meta.url);
const faceapi: typeof FaceApi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');

await tf.setBackend('wasm');
await tf.ready();
const folder = join(dirname(require.resolve('@vladmandic/face-api/package.json')), 'model');
const { nets } = faceapi;
for (const net of [
  nets.ssdMobilenetv1,
  nets.tinyFaceDetector,
  nets.faceLandmark68Net,
  nets.faceLandmark68TinyNet,
  nets.faceRecognitionNet,
  nets.faceExpressionNet,
  nets.ageGenderNet,
])
  await net.loadFromDisk(folder);

const photo = fileURLToPath(new URL('../../../../examples/images/astronaut.png', import.meta.url));
const { data, info } = await sharp(photo).removeAlpha().raw().toBuffer({ resolveWithObject: true });
// Its types are a copy of tfjs' own.
const image = tf.tensor3d(
  new Uint8Array(data),
  [info.height, info.width, 3],
  'int32',
) as unknown as FaceApi.TNetInput;

const values: Record<string, number[]> = {};
const found: unknown[] = [];
for (const [name, options] of [
  ['ssd', new faceapi.SsdMobilenetv1Options({ minConfidence: 0.1 })],
  ['tiny', new faceapi.TinyFaceDetectorOptions({ inputSize: 416, scoreThreshold: 0.1 })],
] as const)
  for (const tinyLandmarks of [false, true]) {
    const faces = await faceapi
      .detectAllFaces(image, options)
      .withFaceLandmarks(tinyLandmarks)
      .withFaceExpressions()
      .withAgeAndGender()
      .withFaceDescriptors();
    const numbers = (key: string, pick: (face: (typeof faces)[number]) => Iterable<number>) => {
      values[`${name} ${tinyLandmarks} ${key}`] = faces.flatMap((face) => [...pick(face)]);
    };
    numbers('scores', ({ detection }) => [detection.score]);
    numbers('boxes', ({ detection: { box } }) => [box.x, box.y, box.width, box.height]);
    numbers('landmarks', ({ landmarks }) => landmarks.positions.flatMap(({ x, y }) => [x, y]));
    numbers('expressions', ({ expressions }) => Object.values(expressions));
    numbers('age', ({ age, genderProbability }) => [age, genderProbability]);
    numbers('descriptor', ({ descriptor }) => descriptor);
    found.push(faces.map(({ gender, expressions }) => [gender, expressions.asSortedArray()[0]!.expression]));
  }
console.log(JSON.stringify({ values, found }));
