import { expect } from 'chai';
import {
  bfloatToFloat,
  floatToBfloat,
  floatToHalf,
  halfToFloat,
} from '../../../packages/core/src/arrays/half.ts';

describe('16-bit floats', () => {
  it('every half survives the way to float32 and back', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = halfToFloat(bits);
      if (Number.isNaN(value)) expect(halfToFloat(floatToHalf(value))).to.be.NaN;
      else expect(floatToHalf(value), `0x${bits.toString(16)}`).to.equal(bits);
    }
  });

  it('every bfloat16 survives the way to float32 and back', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = bfloatToFloat(bits);
      if (Number.isNaN(value)) expect(bfloatToFloat(floatToBfloat(value))).to.be.NaN;
      else expect(floatToBfloat(value), `0x${bits.toString(16)}`).to.equal(bits);
    }
  });

  it('halfway values go to the even neighbour, others to the nearest', () => {
    for (let bits = 1; bits < 0x7bff; bits++) {
      const [low, high] = [halfToFloat(bits), halfToFloat(bits + 1)];
      const middle = (low + high) / 2;
      expect(floatToHalf(middle)).to.equal(bits % 2 === 0 ? bits : bits + 1);
      expect(floatToHalf(middle - (high - low) / 64)).to.equal(bits);
      expect(floatToHalf(-middle - (high - low) / 64)).to.equal((bits + 1) | 0x8000);
    }
  });

  it('too large becomes infinity, too small zero', () => {
    expect(floatToHalf(65519.99)).to.equal(0x7bff);
    expect(floatToHalf(65520)).to.equal(0x7c00);
    expect(floatToHalf(-1e30)).to.equal(0xfc00);
    expect(floatToHalf(2 ** -25)).to.equal(0);
    expect(floatToHalf(2 ** -25 * 1.01)).to.equal(1);
    expect(floatToHalf(-0)).to.equal(0x8000);
    expect(floatToBfloat(3.4e38)).to.equal(0x7f80);
    expect(floatToBfloat(1 + 2 ** -8)).to.equal(0x3f80);
    expect(floatToBfloat(1 + 3 * 2 ** -8)).to.equal(0x3f82);
  });
});
