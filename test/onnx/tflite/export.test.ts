/** Networks as TFLite files, run by LiteRT.js in Chromium, and read again by our own reader. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  averagePooling2D,
  BatchNormalization,
  Chain,
  Conv2DBNActiv,
  Convolution2D,
  DepthwiseConvolution2D,
  Linear,
  maxPooling2D,
  useBackend,
} from '@chaingrad/core';
import { exportTflite, OnnxExportError, saveTflite } from '@chaingrad/onnx';
import { SSDMobileNetV2 } from '@chaingrad/vision';
import { readTflite, save } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { isolationHeaders, type StaticServer, startServer } from '../../../examples/web/server.ts';
import { requireBrowser, startChromium } from '../../browser/support/browsers.ts';
import { callHere, floats, type HostArray, Lambda, specOf } from '../export/support.ts';
import { operators } from './operators.ts';

const require = createRequire(import.meta.url);
const litert = join(dirname(require.resolve('@litertjs/core')), '../..');

/** Convolutions, pools, a normalization, a dense layer, and what stands between them. */
class Layers extends Chain {
  conv = new Convolution2D(3, 8, 3, { stride: 2, pad: 1 });
  block = new Conv2DBNActiv(8, 8, 3, { pad: 1 });
  depthwise = new DepthwiseConvolution2D(8, 2, 3, { pad: 1 });
  norm = new BatchNormalization(16);
  fc = new Linear(24, 10);

  override forward(x: tf.Tensor4D): Record<string, tf.Tensor> {
    const a = this.conv.call(x);
    const b = tf.relu(tf.add(a, this.block.call(a))) as tf.Tensor4D;
    const c = tf.leakyRelu(this.norm.call(this.depthwise.call(b)) as tf.Tensor4D, 0.1);
    const pooled = tf.concat(
      [
        maxPooling2D(c, { ksize: 3, stride: 2, pad: 1, coverAll: false }),
        averagePooling2D(b, { ksize: 3, stride: 2, pad: 1 }),
      ],
      3,
    );
    const large = tf.image.resizeBilinear(pooled as tf.Tensor4D, [9, 7], false, true);
    const h = tf.mul(tf.sigmoid(large), tf.tanh(tf.clipByValue(large, -0.5, 0.5)));
    const y = this.fc.call(tf.mean(h, [1, 2]) as tf.Tensor2D);
    return {
      map: tf.pad(tf.transpose(h, [0, 3, 1, 2]), [
        [0, 0],
        [0, 0],
        [1, 2],
        [0, 1],
      ]),
      scores: tf.softmax(y),
    };
  }
}

describe('exportTflite', () => {
  let folder: string;
  let server: StaticServer;
  let browser: Browser | undefined;
  let page: Page;

  before(async function () {
    requireBrowser('chromium', this);
    await useBackend('wasm');
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-tflite-'));
    const imports = Object.fromEntries(
      ['core', 'wasm-utils'].map((name) => [`@litertjs/${name}`, `/litert/${name}/dist/index.js`]),
    );
    await writeFile(
      join(folder, 'index.html'),
      `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`,
    );
    server = await startServer({ '/': folder, '/litert/': litert }, { headers: isolationHeaders });
    browser = await startChromium();
    page = await browser.newPage();
    await page.goto(server.url);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  /** What LiteRT makes of one input, by the names of the outputs. */
  async function inLiteRt(file: string, { data, shape }: HostArray): Promise<Record<string, number[]>> {
    await writeFile(
      join(folder, 'input.bin'),
      new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
    );
    const program = `(async () => {
      const { loadLiteRt, loadAndCompile, Tensor } = await import('@litertjs/core');
      await (globalThis.loaded ??= loadLiteRt('/litert/core/wasm/'));
      const bytes = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
      const model = await loadAndCompile(await bytes('/${file}'), { accelerator: 'wasm' });
      const input = new Float32Array((await bytes('/input.bin')).buffer);
      const outputs = await model.run([new Tensor(input, ${JSON.stringify(shape)})]);
      const named = {};
      for (const [i, { name }] of model.getOutputDetails().entries()) named[name] = [...(await outputs[i].data())];
      return named;
    })()`;
    return (await page.evaluate(program)) as Record<string, number[]>;
  }

  function expectSame(there: readonly number[], here: ArrayLike<number>): void {
    expect(there).to.have.length(here.length);
    const largest = there.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const worst = there.reduce((most, value, i) => Math.max(most, Math.abs(value - here[i]!)), 0);
    expect(largest).to.be.greaterThan(0.01);
    expect(worst / largest, 'largest difference, relative to the largest value').to.be.at.most(1e-5);
  }

  it('writes a network of convolutions, pools, resizing and a dense layer that LiteRT computes alike', async () => {
    using model = new Layers().initialize([1, 20, 16, 3]);
    const input = floats([1, 20, 16, 3]);
    await saveTflite(join(folder, 'layers.tflite'), model, [specOf(input)], {
      outputNames: ['map', 'scores'],
    });
    const [map, scores] = await callHere(model, [input]);
    const there = await inLiteRt('layers.tflite', input);
    expectSame(there['map']!, map!.data);
    expectSame(there['scores']!, scores!.data);
  });

  for (const [name, make] of Object.entries(operators))
    it(`${name}: LiteRT computes alike`, async () => {
      using model = make();
      model.initialize([1, 6, 4, 8]);
      const input = floats([1, 6, 4, 8]);
      await saveTflite(join(folder, 'operator.tflite'), model, [specOf(input)]);
      const [y] = await callHere(model, [input]);
      expectSame((await inLiteRt('operator.tflite', input))['output']!, y!.data);
    });

  it('SSDMobileNetV2: LiteRT finds what we find, and the file goes back into the model', async () => {
    const packed = require.resolve('@mediapipe/objectron/objectron_solution_packed_assets.data');
    using model = await SSDMobileNetV2.fromPretrained(packed);
    const file = join(folder, 'detector.tflite');
    await save(file, model);
    const input = floats([1, 300, 300, 3], 5);
    const [offsets, classes] = await callHere(model, [input]);
    const there = await inLiteRt('detector.tflite', input);
    expectSame(there['offsets']!, offsets!.data);
    expectSame(there['classes']!, classes!.data);
    const { convolutions, outputs, description } = readTflite(new Uint8Array(await readFile(file)), file);
    expect(convolutions).to.have.length(72);
    expect(outputs.map(({ name, shape }) => [name, shape])).to.deep.equal([
      ['offsets', [1, 1917, 4]],
      ['classes', [1, 1917, 24]],
    ]);
    expect(description).to.include('SSDMobileNetV2');
  });

  it('names what TFLite has no operator for, and its link', async () => {
    const refused = async (fn: (x: tf.Tensor) => unknown) => {
      let error: unknown;
      await exportTflite(new Lambda(fn as never), [[1, 4, 4, 3]]).catch((e: unknown) => {
        error = e;
      });
      expect(error).to.be.instanceOf(OnnxExportError);
      return String(error);
    };
    expect(await refused((x) => tf.erf(x))).to.match(/\/: kernel 'Erf' has no translation into TFLite/);
    expect(await refused((x) => tf.cumsum(x, 1))).to.match(/kernel 'Cumsum' has no translation into TFLite/);
  });
});
