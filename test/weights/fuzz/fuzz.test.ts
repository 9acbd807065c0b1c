import { expect } from 'chai';
import { fuzz } from './fuzz.ts';
import { fuzzTargets } from './targets.ts';

/** A short run of the fuzzer; `run.ts` is the long one. */
const count = Number(process.env['CHAINGRAD_FUZZ'] ?? 400);

describe('damaged files give values or a FormatError, never anything else', () => {
  for (const target of fuzzTargets) {
    it(`${target.name}: ${count} inputs`, async () => {
      const { failures, accepted, refused, largest } = await fuzz(target, count, 1);
      expect(failures).to.deep.equal([]);
      expect(accepted + refused).to.equal(count);
      expect(refused).to.be.greaterThan(count / 20);
      // The seeds hold a few kilobytes; nothing may unfold to more than a deflated file of that size could.
      expect(largest).to.be.lessThan(1 << 26);
    });
  }
});
