/** Filters are kept while they are read, whatever needs room meanwhile; and nothing is kept without a budget. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { CONV_2D, CONV_2D_BACKPROP_INPUT, type Conv2DAttrs } from '../../../packages/kernels/src/attrs.ts';
import {
  setWasmKernelOptions,
  WasmMemoryError,
  wasmFilterCacheBytes,
} from '../../../packages/kernels/src/wasm/index.ts';
import { defaultCacheBytes } from '../../../packages/kernels/src/wasm/options.ts';
import { runtimeOf } from '../../../packages/kernels/src/wasm/runtime.ts';
import {
  type Case,
  convolution,
  floats,
  generator,
  inputGradient,
  outputShape,
  run,
  size,
  useFastWasm,
  worst,
} from './support.ts';

const attrs: Conv2DAttrs = {
  ...{ stride: [1, 1], pad: [1, 1, 1, 1], dilation: [1, 1], groups: 1, activation: 'linear' },
};

/** One of each form that filters are prepared in. */
const cases: Readonly<Record<string, Case>> = {
  'Winograd, 4x4': { xShape: [1, 56, 40, 40], filterShape: [16, 40, 3, 3], attrs },
  'Winograd, few tiles': { xShape: [1, 28, 28, 40], filterShape: [16, 40, 3, 3], attrs },
  'Winograd, 6x6': { xShape: [1, 72, 72, 16], filterShape: [8, 16, 3, 3], attrs },
  product: { xShape: [1, 20, 20, 30], filterShape: [16, 30, 3, 3], attrs: { ...attrs, stride: [2, 2] } },
  depthwise: { xShape: [1, 20, 20, 24], filterShape: [24, 1, 3, 3], attrs: { ...attrs, groups: 24 } },
};

interface Module {
  _malloc(bytes: number): number;
  _free(pointer: number): void;
}
const module = () => (tf.backend() as unknown as { wasm: Module }).wasm;

describe('wasm: prepared filters', () => {
  const random = generator(47);
  before(useFastWasm);

  for (const [name, c] of Object.entries(cases)) {
    const [x, w, dy] = [c.xShape, c.filterShape, outputShape(c)].map((shape) => floats(random, size(shape)));
    const expected = convolution(c, x!, w!, null);
    const tensors = () => [tf.tensor(x!, c.xShape), tf.tensor(w!, c.filterShape)] as const;

    it(`${name}: a filter that is read is not dropped when the heap is full`, () => {
      const rt = runtimeOf(tf.backend());
      const [input, filter] = tensors();
      const other = tf.ones([16, 16, 3, 3]);
      const otherInput = tf.ones([1, 32, 32, 16]);
      const call = () => run(CONV_2D, { x: input, filter }, c.attrs);
      for (let i = 0; i < 3; i++) call().dispose();
      run(CONV_2D, { x: otherInput, filter: other }, attrs).dispose();
      run(CONV_2D, { x: otherInput, filter: other }, attrs).dispose();
      const both = wasmFilterCacheBytes();
      // The output finds room; the scratch memory, which is asked for while the filter is read, finds the heap full.
      rt.releaseScratch();
      const wasm = module();
      const { _malloc } = wasm;
      let asked = 0;
      wasm._malloc = (bytes) => {
        if (asked++ > 0) rt.heap.onFull();
        return _malloc(bytes);
      };
      let y: tf.Tensor;
      try {
        y = call();
      } finally {
        wasm._malloc = _malloc;
      }
      expect(asked).to.be.greaterThan(1);
      expect(worst(y.dataSync(), expected)).to.be.below(2e-5);
      // The other filter made room.
      expect(wasmFilterCacheBytes()).to.be.greaterThan(0).and.below(both);
      other.dispose();
      expect(wasmFilterCacheBytes()).to.be.greaterThan(0);
      tf.dispose([input, filter, otherInput, y]);
      expect(wasmFilterCacheBytes()).to.equal(0);
    });

    it(`${name}: without a budget nothing is kept, and all is right`, async () => {
      const wasm = module();
      const { _malloc, _free } = wasm;
      let blocks = 0;
      wasm._malloc = (bytes) => {
        blocks++;
        return _malloc(bytes);
      };
      wasm._free = (pointer) => {
        blocks--;
        _free(pointer);
      };
      await setWasmKernelOptions({ cacheBytes: 0 });
      try {
        const gradient = inputGradient(c, w!, dy!);
        const round = () => {
          const [input, filter] = tensors();
          const back = tf.tensor(dy!, outputShape(c));
          for (let i = 0; i < 3; i++) {
            const y = run(CONV_2D, { x: input, filter }, c.attrs);
            const options = { ...c.attrs, inputShape: c.xShape };
            const dx = run(CONV_2D_BACKPROP_INPUT, { dy: back, filter }, options);
            expect(worst(y.dataSync(), expected)).to.be.below(2e-5);
            expect(worst(dx.dataSync(), gradient)).to.be.below(2e-5);
            expect(wasmFilterCacheBytes()).to.equal(0);
            tf.dispose([y, dx]);
          }
          tf.dispose([input, filter, back]);
          return blocks;
        };
        // After the first round the scratch memory is as large as it needs to be.
        expect(round()).to.equal(round());
      } finally {
        await setWasmKernelOptions({ cacheBytes: 2 ** 30 });
        Object.assign(wasm, { _malloc, _free });
      }
    });
  }

  it('a Winograd filter for a few dozen tiles is transformed at every use, and never kept', () => {
    const c: Case = { ...cases['Winograd, few tiles']!, xShape: [1, 24, 24, 40] };
    const [x, w] = [floats(random, size(c.xShape)), floats(random, size(c.filterShape))];
    const [input, filter] = [tf.tensor(x, c.xShape), tf.tensor(w, c.filterShape)];
    const ys = Array.from({ length: 3 }, () => run(CONV_2D, { x: input, filter }, c.attrs));
    expect(wasmFilterCacheBytes()).to.equal(0);
    for (const y of ys) expect(worst(y.dataSync(), convolution(c, x, w, null))).to.be.below(2e-5);
    tf.dispose([input, filter, ys]);
  });

  it('leaves no block behind when there is no room to prepare a filter', () => {
    const rt = runtimeOf(tf.backend());
    const wasm = module();
    const { _free } = wasm;
    const data = tf.zeros([4]);
    const freed: number[] = [];
    wasm._free = (pointer) => {
      freed.push(pointer);
      _free(pointer);
    };
    let at = 0;
    try {
      const fill = (pointer: number) => {
        at = pointer;
        throw new WasmMemoryError(1, 2);
      };
      expect(() =>
        rt.filters.with(data.dataId, { name: 'test', bytes: 4096, cost: 1 }, fill, () => {}),
      ).to.throw(WasmMemoryError);
    } finally {
      wasm._free = _free;
    }
    expect(freed.filter((block) => at - block >= 0 && at - block < 64)).to.have.length(1);
    expect(rt.filters.bytes).to.equal(0);
    data.dispose();
  });

  describe('with a budget that is too small for all', () => {
    const [KIB, budget] = [1024, 40 * 1024];
    let filters: tf.Tensor[] = [];
    beforeEach(async () => {
      filters = Array.from({ length: 10 }, () => tf.zeros([1]));
      await setWasmKernelOptions({ cacheBytes: budget });
    });
    afterEach(async () => {
      tf.dispose(filters);
      await setWasmKernelOptions({ cacheBytes: 2 ** 30 });
      expect(wasmFilterCacheBytes()).to.equal(0);
    });

    /** Asks for forms of these filters, and tells which had to be prepared. */
    function ask(
      which: readonly number[],
      bytes = 10 * KIB,
      cost: (i: number) => number = () => 1,
    ): number[] {
      const rt = runtimeOf(tf.backend());
      const prepared: number[] = [];
      for (const i of which) {
        let at = 0;
        const fill = (pointer: number) => {
          at = pointer;
          prepared.push(i);
          rt.heap.i32[pointer / 4] = i;
        };
        const form = { name: `${bytes}`, bytes, cost: cost(i) };
        rt.filters.with(filters[i]!.dataId, form, fill, (pointer) => {
          if (at !== 0) expect(pointer).to.equal(at);
          expect(rt.heap.i32[pointer / 4]).to.equal(i);
        });
        expect(rt.filters.bytes).to.be.at.most(budget);
      }
      return prepared;
    }
    const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

    it('passes in the same order find as many forms again as there is room for', () => {
      expect(ask(all)).to.deep.equal(all);
      expect(ask(all)).to.deep.equal(all); // from now on they are kept
      for (let pass = 0; pass < 3; pass++) expect(ask(all)).to.deep.equal([4, 5, 6, 7, 8, 9]);
    });

    it('forms that nobody asks for any more give way, the oldest first', () => {
      const [network, other] = [
        [0, 1, 2, 3],
        [4, 5, 6],
      ];
      for (let pass = 0; pass < 3; pass++) ask(network);
      expect(ask(other)).to.deep.equal(other);
      ask(other);
      expect(ask(other)).to.deep.equal([]);
      expect(ask([3])).to.deep.equal([]);
      expect(ask([0])).to.deep.equal([0]);
    });

    it('forms that take longer to prepare stand in for others', () => {
      const cost = (i: number) => (i % 3 === 0 ? 3 : 1 + i / 100);
      for (let pass = 0; pass < 4; pass++) ask(all, 10 * KIB, cost);
      expect(ask(all, 10 * KIB, cost)).to.deep.equal([1, 2, 4, 5, 7, 8]);
    });

    it('nothing gives way for a form that finds no room even so', () => {
      for (let pass = 0; pass < 3; pass++) ask([0, 1, 2, 3]);
      for (let pass = 0; pass < 3; pass++) ask([0, 1, 2, 3, 4], 41 * KIB);
      expect(ask([0, 1, 2, 3])).to.deep.equal([]);
    });

    it('a smaller budget frees the forms that cost least', async () => {
      for (let pass = 0; pass < 2; pass++) ask([0, 1, 2, 3], 10 * KIB, (i) => 4 - i);
      await setWasmKernelOptions({ cacheBytes: 20 * KIB });
      expect(wasmFilterCacheBytes()).to.equal(20 * KIB);
      expect(ask([0, 1], 10 * KIB)).to.deep.equal([]);
    });
  });

  it('results are the same to the bit, whatever the budget', async () => {
    const layers = Object.values(cases).map(({ xShape, filterShape, attrs: own }) => ({
      x: tf.tensor(floats(random, size(xShape)), xShape),
      filter: tf.tensor(floats(random, size(filterShape)), filterShape),
      attrs: own,
    }));
    const pass = () =>
      layers.map((layer) => {
        const y = run(CONV_2D, { x: layer.x, filter: layer.filter }, layer.attrs);
        const values = y.dataSync().slice();
        y.dispose();
        return values;
      });
    const kept: number[] = [];
    try {
      await setWasmKernelOptions({ cacheBytes: 0 });
      const expected = pass();
      for (const cacheBytes of [8, 32, 64, 160, 1024].map((kib) => kib * 1024)) {
        await setWasmKernelOptions({ cacheBytes });
        for (let i = 0; i < 3; i++) {
          for (const [k, values] of pass().entries()) expect(values).to.deep.equal(expected[k]);
          expect(wasmFilterCacheBytes()).to.be.at.most(cacheBytes);
        }
        kept.push(wasmFilterCacheBytes());
      }
    } finally {
      await setWasmKernelOptions({ cacheBytes: 2 ** 30 });
      for (const { x, filter } of layers) tf.dispose([x, filter]);
    }
    expect(new Set(kept).size).to.equal(kept.length);
  });

  it('the budget unless set is a sixteenth of the memory of the device where the browser tells it', () => {
    const MIB = 2 ** 20;
    expect(defaultCacheBytes({ deviceMemory: 8 })).to.equal(512 * MIB);
    expect(defaultCacheBytes({ deviceMemory: 2 })).to.equal(128 * MIB);
    expect(defaultCacheBytes({ deviceMemory: 0.25 })).to.equal(16 * MIB);
    // Node, Firefox and Safari
    expect(defaultCacheBytes({})).to.equal(1024 * MIB);
    expect(defaultCacheBytes(undefined)).to.equal(1024 * MIB);
  });
});
