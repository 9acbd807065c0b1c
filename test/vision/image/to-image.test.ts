import { ImageFormatError, type ImageSource, toImage } from '@chaingrad/vision';
import '@tensorflow/tfjs-backend-cpu';
import { Canvas, createCanvas, Image } from '@napi-rs/canvas';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

/** The error of a call that must fail. */
async function failure(input: unknown): Promise<ImageFormatError> {
  try {
    await toImage(input as ImageSource);
  } catch (error) {
    expect(error).to.be.instanceOf(ImageFormatError);
    return error as ImageFormatError;
  }
  throw new Error('toImage took it');
}

describe('vision/image/toImage', () => {
  before(() => tf.setBackend('cpu'));

  it('returns an RGB array itself', async () => {
    const img = { data: new Uint8Array(12), shape: [2, 2, 3] as const };
    expect(await toImage(img)).to.equal(img);
  });

  it('drops alpha of ImageData, whichever way it is given', async () => {
    const rgba = Uint8ClampedArray.from([1, 2, 3, 255, 4, 5, 6, 0]);
    for (const input of [
      { data: rgba, width: 2, height: 1 },
      { data: rgba, shape: [1, 2, 4] as const },
    ]) {
      const { data, shape } = await toImage(input);
      expect(shape).to.deep.equal([1, 2, 3]);
      expect([...data]).to.deep.equal([1, 2, 3, 4, 5, 6]);
    }
  });

  it('repeats grey, and takes a Node Buffer', async () => {
    const { data, shape } = await toImage({ data: Buffer.from([7, 9]), width: 1, height: 2 });
    expect(shape).to.deep.equal([2, 1, 3]);
    expect([...data]).to.deep.equal([7, 7, 7, 9, 9, 9]);
  });

  it('reads tensors, which stay alive', async () => {
    for (const dtype of ['float32', 'int32'] as const) {
      const tensor = tf.tensor3d([1, 2, 3, 4, 5, 255], [1, 2, 3], dtype);
      const before = tf.memory().numTensors;
      const { data, shape } = await toImage(tensor);
      expect(shape).to.deep.equal([1, 2, 3]);
      expect(data).to.be.instanceOf(Float32Array);
      expect([...data]).to.deep.equal([1, 2, 3, 4, 5, 255]);
      expect(tf.memory().numTensors).to.equal(before);
      expect(tensor.isDisposed).to.equal(false);
      tensor.dispose();
    }
  });

  it('reads a canvas', async () => {
    const canvas = createCanvas(3, 2);
    const context = canvas.getContext('2d');
    context.fillStyle = 'rgb(10, 20, 30)';
    context.fillRect(0, 0, 3, 2);
    context.fillStyle = 'rgb(200, 100, 0)';
    context.fillRect(2, 1, 1, 1);
    const { data, shape } = await toImage(canvas as unknown as OffscreenCanvas);
    expect(shape).to.deep.equal([2, 3, 3]);
    expect([...data.subarray(0, 3)]).to.deep.equal([10, 20, 30]);
    expect([...data.subarray(15)]).to.deep.equal([200, 100, 0]);
  });

  describe('where there are the classes of a browser', () => {
    const names = ['OffscreenCanvas', 'HTMLImageElement', 'createImageBitmap'] as const;
    const globals = globalThis as unknown as Record<string, unknown>;
    class BrowserImage extends Image {}

    before(() => {
      globals['OffscreenCanvas'] = Canvas;
      globals['HTMLImageElement'] = BrowserImage;
      globals['createImageBitmap'] = async (blob: Blob) => {
        const image = new BrowserImage();
        image.src = Buffer.from(await blob.arrayBuffer());
        await image.decode();
        return Object.assign(image, { close: () => {} });
      };
    });
    after(() => {
      for (const name of names) delete globals[name];
    });

    const png = () => {
      const canvas = createCanvas(2, 1);
      const context = canvas.getContext('2d');
      context.fillStyle = 'rgb(10, 20, 30)';
      context.fillRect(0, 0, 2, 1);
      return canvas.toBuffer('image/png');
    };

    it('draws images and blobs', async () => {
      const image = new BrowserImage();
      image.src = png();
      for (const source of [image as unknown as HTMLImageElement, new Blob([new Uint8Array(png())])]) {
        const { data, shape } = await toImage(source);
        expect(shape).to.deep.equal([1, 2, 3]);
        expect([...data]).to.deep.equal([10, 20, 30, 10, 20, 30]);
      }
    });

    it('says that a file is no image', async () => {
      expect((await failure(new Blob(['text']))).message).to.contain('can decode');
      expect((await failure(createCanvas(0, 0))).message).to.contain('at least one pixel');
    });
  });

  it('says what is wrong', async () => {
    expect((await failure('cat.png')).message).to.contain('decode them first');
    expect((await failure(null)).message).to.contain('got null');
    expect((await failure({ data: [1, 2, 3], shape: [1, 1, 3] })).message).to.contain('got Array');
    expect((await failure({ data: new Uint8Array(11), shape: [2, 2, 3] })).message).to.contain('12 values');
    expect((await failure({ data: new Uint8Array(12), shape: [12] })).message).to.contain(
      '[height, width, channels]',
    );
    expect((await failure({ data: new Uint8Array(12), shape: [3, 2, 2] })).message).to.contain(
      'channels first',
    );
    expect((await failure({ data: new Uint8Array(11), width: 2, height: 2 })).message).to.contain(
      '2 x 2 pixels',
    );
    expect((await failure(new Blob(['']))).message).to.contain('Only a browser');
    const batch = tf.zeros([1, 2, 2, 3]);
    expect((await failure(batch)).message).to.contain('list of images');
    const bool = tf.zeros([2, 2, 3], 'bool');
    expect((await failure(bool)).message).to.contain('float32 or int32');
    tf.dispose([batch, bool]);
  });
});
