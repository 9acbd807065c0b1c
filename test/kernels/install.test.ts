import {
  CONV_2D,
  conv2d,
  differentiableKernels,
  installGradients,
  installKernels,
  supportedBackends,
  UnsupportedKernelError,
} from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { originalKernel } from '../../packages/kernels/src/tfjs-internals.ts';
import { useTestBackend } from '../support/backends.ts';
import { runProgram } from '../support/program.ts';

const image = () => tf.ones([1, 2, 2, 1]) as tf.Tensor4D;
const filter = () => tf.ones([1, 1, 2, 2]) as tf.Tensor4D;

describe('installKernels', () => {
  beforeEach(() => useTestBackend('cpu'));

  it('knows its backends, and does nothing for others', () => {
    expect(supportedBackends).to.deep.equal(['cpu', 'wasm', 'webgpu']);
    expect(installKernels('cpu')).to.equal(true);
    expect(installKernels('webgl')).to.equal(false);
  });

  it('changes nothing when called again', () => {
    installKernels('wasm');
    const before = tf.getKernelsForBackend('wasm').map((config) => config.kernelFunc);
    installKernels('wasm');
    expect(tf.getKernelsForBackend('wasm').map((config) => config.kernelFunc)).to.have.ordered.members(
      before,
    );
  });

  it('comes back over kernels that were registered over it, wrappers of its own too', () => {
    installKernels('cpu');
    const name = 'FusedBatchNorm';
    const ours = tf.getKernel(name, 'cpu').kernelFunc;
    const theirs = originalKernel(name, 'cpu')!;
    const normalized = () => tf.tidy(() => tf.batchNorm(tf.ones([2, 2]), tf.zeros([2]), tf.ones([2])));
    const expected = normalized();
    let calls = 0;
    // As a program that times kernels does.
    tf.unregisterKernel(name, 'cpu');
    tf.registerKernel({
      ...{ kernelName: name, backendName: 'cpu' },
      kernelFunc(call) {
        calls++;
        return ours(call);
      },
    });
    const wrapped = normalized();
    expect(calls).to.equal(1);
    expect(originalKernel(name, 'cpu')).to.equal(theirs);
    installKernels('cpu');
    expect(tf.getKernel(name, 'cpu').kernelFunc).to.equal(ours);
    const again = normalized();
    expect(calls).to.equal(1);
    for (const y of [wrapped, again]) expect(y.dataSync()).to.deep.equal(expected.dataSync());
    tf.dispose([expected, wrapped, again]);
  });

  it('is done by an operation that finds its kernel missing', () => {
    tf.unregisterKernel(CONV_2D, 'cpu');
    const y = tf.tidy(() => conv2d(image(), filter()));
    expect(Array.from(y.dataSync())).to.deep.equal([4]);
    y.dispose();
  });
});

describe('a backend without the kernels', () => {
  before(async () => {
    tf.registerBackend('another', tf.findBackendFactory('cpu') as () => tf.KernelBackend);
    tf.copyRegisteredKernels('cpu', 'another');
    if (tf.getKernel(CONV_2D, 'another')) tf.unregisterKernel(CONV_2D, 'another');
    await tf.setBackend('another');
  });
  after(async () => {
    await tf.setBackend('cpu');
    tf.removeBackend('another');
  });

  it('gives an error that names the kernel, the backend and the way out', () => {
    const x = image();
    const w = filter();
    let error: unknown;
    try {
      conv2d(x, w);
    } catch (e) {
      error = e;
    }
    expect(error).to.be.instanceOf(UnsupportedKernelError);
    expect(error).to.include({ kernel: CONV_2D, backend: 'another' });
    expect((error as Error).message).to.match(/tf\.setBackend/);
    tf.dispose([x, w]);
  });
});

describe('installGradients', () => {
  it('registers every rule, again and again', () => {
    installGradients();
    installGradients();
    for (const name of differentiableKernels) expect(tf.getGradient(name), name).to.have.property('gradFunc');
  });

  for (const name of ['@tensorflow/tfjs', '@tensorflow/tfjs-layers'])
    it(`holds when ${name} is imported afterwards, which registers gradients too`, async () => {
      const program = new URL('gradients-program.ts', import.meta.url);
      expect(JSON.parse(await runProgram(program, [name]))).to.deep.equal({
        ...{ registered: true, lost: [], ownStays: true },
      });
    });
});
