import { expect } from 'chai';
import { FormatError } from '../../../packages/core/src/arrays/format-error.ts';
import {
  elementCount,
  type NamedArray,
  toFloat32Array,
  toInt32Array,
  toScalar,
} from '../../../packages/core/src/arrays/named-array.ts';

const place = { file: 'w.npz', key: 'a' };
const int64 = (...values: bigint[]): NamedArray => ({
  shape: [values.length],
  dtype: 'int64',
  data: BigInt64Array.from(values),
});
const text: NamedArray = { shape: [], dtype: 'str', data: ['x'] };
const none: NamedArray = { shape: [], dtype: 'object-null', data: null };

describe('elementCount', () => {
  it('multiplies, and a zero wins over any size', () => {
    expect(elementCount([], place)).to.equal(1);
    expect(elementCount([2, 3, 4], place)).to.equal(24);
    expect(elementCount([2 ** 50, 2 ** 50, 0], place)).to.equal(0);
  });

  it('refuses what is no shape', () => {
    for (const shape of [[-1], [1.5], [Number.NaN], [2 ** 53], [2 ** 30, 2 ** 30]]) {
      expect(() => elementCount(shape, place)).to.throw(FormatError);
    }
  });
});

describe('conversions of arrays', () => {
  it('to float32', () => {
    const doubles: NamedArray = { shape: [2], dtype: 'float64', data: new Float64Array([0.1, 1e300]) };
    expect([...toFloat32Array(doubles, place)]).to.deep.equal([Math.fround(0.1), Number.POSITIVE_INFINITY]);
    const halves: NamedArray = { shape: [2], dtype: 'float16', data: new Uint16Array([0x3c00, 0x0001]) };
    expect([...toFloat32Array(halves, place)]).to.deep.equal([1, 2 ** -24]);
    const brains: NamedArray = { shape: [1], dtype: 'bfloat16', data: new Uint16Array([0xc020]) };
    expect([...toFloat32Array(brains, place)]).to.deep.equal([-2.5]);
    expect([...toFloat32Array(int64(-3n), place)]).to.deep.equal([-3]);
    const flags: NamedArray = { shape: [2], dtype: 'bool', data: new Uint8Array([1, 0]) };
    expect([...toFloat32Array(flags, place)]).to.deep.equal([1, 0]);
  });

  it('float32 is handed on without a copy', () => {
    const data = new Float32Array(3);
    expect(toFloat32Array({ shape: [3], dtype: 'float32', data }, place)).to.equal(data);
  });

  it('to int32, with the range checked', () => {
    expect([...toInt32Array(int64(5n, -(2n ** 31n)), place)]).to.deep.equal([5, -(2 ** 31)]);
    expect(() => toInt32Array(int64(2n ** 31n), place)).to.throw(FormatError, '2147483648');
    const wide: NamedArray = { shape: [1], dtype: 'uint32', data: new Uint32Array([2 ** 32 - 1]) };
    expect(() => toInt32Array(wide, place)).to.throw(FormatError);
    const broken: NamedArray = { shape: [1], dtype: 'float32', data: new Float32Array([1.5]) };
    expect(() => toInt32Array(broken, place)).to.throw(FormatError, '1.5');
    const half: NamedArray = { shape: [1], dtype: 'float16', data: new Uint16Array([0x4200]) };
    expect([...toInt32Array(half, place)]).to.deep.equal([3]);
  });

  it('to a scalar', () => {
    expect(toScalar(int64(7n), place)).to.equal(7);
    expect(() => toScalar(int64(2n ** 53n), place)).to.throw(FormatError, '2**53');
    expect(() => toScalar(int64(1n, 2n), place)).to.throw(FormatError, 'single value');
    expect(toScalar(text, place)).to.equal('x');
    expect(toScalar(none, place)).to.equal(null);
    expect(toScalar({ shape: [], dtype: 'bool', data: new Uint8Array([1]) }, place)).to.equal(true);
    expect(toScalar({ shape: [], dtype: 'float16', data: new Uint16Array([0x3e00]) }, place)).to.equal(1.5);
  });

  it('strings and None are no numbers', () => {
    for (const array of [text, none]) {
      expect(() => toFloat32Array(array, place)).to.throw(FormatError);
      expect(() => toInt32Array(array, place)).to.throw(FormatError);
    }
  });
});
