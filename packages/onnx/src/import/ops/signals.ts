/** Windows and filter banks of signal processing: computed on the host from their sizes. */

import { dtypeOfCode } from '../read/element-types.ts';
import { hostArray, lengthWithin, spend } from '../values/host-array.ts';
import { Value } from '../values/value.ts';
import type { Rule, RuleTable } from './rule.ts';

/** A sum of cosines: coefficient k times cos(2 pi k i / n), with alternating signs. */
function cosineWindow(coefficients: readonly number[]): Rule {
  return {
    opsets: [17, 25],
    reads: 'all',
    folds: true,
    run(call) {
      const size = lengthWithin(call.host(0).data[0]!);
      spend(8 * size);
      const over = call.int('periodic', 1) !== 0 ? size : size - 1;
      const values = Array.from({ length: size }, (_, i) =>
        coefficients.reduce(
          (sum, c, k) => sum + (k % 2 === 0 ? c : -c) * Math.cos((2 * Math.PI * k * i) / over),
          0,
        ),
      );
      return Value.host(hostArray(dtypeOfCode(call.int('output_datatype', 1)), [size], values));
    },
  };
}

/** Triangles over the bins of a spectrum, equally wide on the mel scale. */
const melWeightMatrix: Rule = {
  opsets: [17, 25],
  reads: 'all',
  folds: true,
  run(call) {
    const [bands, length, rate, low, high] = [0, 1, 2, 3, 4].map((i) => call.host(i).data[0]!) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const bins = Math.floor(length / 2) + 1;
    spend(lengthWithin(bins) * lengthWithin(bands + 2));
    const mel = (hz: number) => 2595 * Math.log10(1 + hz / 700);
    const step = (mel(high) - mel(low)) / (bands + 2);
    const edges = Array.from({ length: bands + 2 }, (_, i) =>
      Math.floor(((length + 1) * (700 * (10 ** ((i * step + mel(low)) / 2595) - 1))) / rate),
    );
    const data = new Float64Array(bins * bands);
    for (let b = 0; b < bands; b++) {
      const [from, top, to] = [edges[b]!, edges[b + 1]!, edges[b + 2]!];
      // Frequencies beyond the last bin have no place.
      const within = (end: number) => Math.min(end, bins - 1);
      if (top === from) data[top * bands + b] = 1;
      else
        for (let i = Math.max(0, from); i <= within(top); i++)
          data[i * bands + b] = (i - from) / (top - from);
      if (to !== top)
        for (let i = Math.max(0, top); i <= within(to - 1); i++) data[i * bands + b] = (to - i) / (to - top);
    }
    return Value.host(hostArray(dtypeOfCode(call.int('output_datatype', 1)), [bins, bands], data));
  },
};

export const signalRules: RuleTable = {
  HannWindow: cosineWindow([0.5, 0.5]),
  HammingWindow: cosineWindow([25 / 46, 21 / 46]),
  BlackmanWindow: cosineWindow([0.42, 0.5, 0.08]),
  MelWeightMatrix: melWeightMatrix,
};
