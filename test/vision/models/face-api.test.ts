/** The face detector against the program that its weights come from: face-api.js itself, in a process of its own. */
import '@tensorflow/tfjs-backend-wasm';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { useBackend } from '@chaingrad/core';
import { SSDMobileNetV1Face } from '@chaingrad/vision';
import { expect } from 'chai';
import type { Face } from './face-api/detect.ts';
import { faceApiFolder, photoNames, readPhoto } from './face-api/photos.ts';

async function facesOfFaceApi(): Promise<Record<string, Face[]>> {
  const program = fileURLToPath(new URL('face-api/detect.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program, ...photoNames]);
  return JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1));
}

describe('SSDMobileNetV1Face on photos of any size', () => {
  let expected: Record<string, Face[]>;
  let model: SSDMobileNetV1Face;

  before(async () => {
    expected = await facesOfFaceApi();
    await useBackend('wasm');
    model = await SSDMobileNetV1Face.fromPretrained(
      join(faceApiFolder, 'model/ssd_mobilenetv1_model-weights_manifest.json'),
    );
  });
  after(() => model?.dispose());

  it('has faces to compare', () => {
    expect(Object.keys(expected)).to.deep.equal(photoNames);
    const faces = Object.values(expected).flat();
    expect(faces.length).to.be.greaterThan(20);
    for (const [name, found] of Object.entries(expected)) expect(found.length, name).to.be.greaterThan(0);
  });

  for (const name of photoNames) {
    it(`finds the faces that face-api.js finds: ${name}`, async () => {
      const img = await readPhoto(name);
      const { bboxes, scores } = await model.predict([img], { scoreThresh: 0.1 });
      const faces = expected[name]!;
      expect(scores[0]!.length).to.equal(faces.length);
      const side = Math.max(img.shape[0], img.shape[1]);
      faces.forEach(({ score, bb }, i) => {
        expect(scores[0]![i], `score of face ${i}`).to.be.closeTo(score, 1e-4);
        for (let k = 0; k < 4; k++) {
          // face-api.js limits boxes to the padded square, and takes the sides of the shrunk photo for whole pixels of 512.
          const length = img.shape[k % 2]!;
          const whole = Math.round((length * 512) / side);
          const limited = Math.min(side, Math.max(0, bboxes[0]![4 * i + k]!));
          expect((limited * 512) / side / whole, `corner ${k} of face ${i}`).to.be.closeTo(
            bb[k]! / length,
            1e-3,
          );
        }
      });
    });
  }
});
