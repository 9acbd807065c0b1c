/** A program with face-api.js: from a photo to faces, with all that it tells of each. Its own networks, in Node only. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as FaceApi from '@vladmandic/face-api';
import type { Runner, Side } from './side.ts';
import { startTfjsWasm } from './tfjs-wasm.ts';

export const faceApi: Side = {
  async open(_, options): Promise<Runner> {
    const about = await startTfjsWasm(options);
    const require = createRequire(import.meta.url);
    const faceapi: typeof FaceApi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');
    const folder = join(dirname(require.resolve('@vladmandic/face-api/package.json')), 'model');
    const { ssdMobilenetv1, faceLandmark68Net, faceRecognitionNet, faceExpressionNet, ageGenderNet } =
      faceapi.nets;
    for (const net of [
      ssdMobilenetv1,
      faceLandmark68Net,
      faceRecognitionNet,
      faceExpressionNet,
      ageGenderNet,
    ])
      await net.loadFromDisk(folder);
    const { shape } = JSON.parse(new TextDecoder().decode(await options.platform.read('face.json')));
    const photo = tf.tensor3d(await options.platform.read('face.rgb'), shape, 'int32');
    return {
      ...about,
      // It has a photo of its own.
      input() {},
      async forward() {
        const faces = await faceapi
          // Its types are a copy of tfjs' own.
          .detectAllFaces(photo as unknown as FaceApi.TNetInput)
          .withFaceLandmarks()
          .withFaceExpressions()
          .withAgeAndGender()
          .withFaceDescriptors();
        const numbers = (pick: (face: (typeof faces)[number]) => readonly number[]) =>
          Float32Array.from(faces.flatMap(pick));
        return [
          numbers(({ detection: { box } }) => [box.x, box.y, box.width, box.height]),
          numbers(({ detection }) => [detection.score]),
          numbers(({ landmarks }) => landmarks.positions.flatMap(({ x, y }) => [x, y])),
          numbers(({ expressions }) => expressions.asSortedArray().map(({ probability }) => probability)),
          numbers(({ age, genderProbability }) => [age, genderProbability]),
          numbers(({ descriptor }) => [...descriptor]),
        ];
      },
      dispose: () => photo.dispose(),
    };
  },
};
