/** The cases of all gradient rules. */
import type { BackendName } from '../../support/backends.ts';
import type { GradientCase, GradientCases } from '../../support/gradient-case.ts';
import { elementwiseCases } from './elementwise-cases.ts';
import { structureCases } from './structure-cases.ts';
import { windowCases } from './window-cases.ts';

export const tables: GradientCases = { ...elementwiseCases, ...structureCases, ...windowCases };

/** What a backend lacks, among the kernels that have a rule, or composes of others; `without` tells of those it has but cannot run in Node. */
export const lacking: Readonly<Record<BackendName, readonly string[]>> = {
  cpu: ['ChaingradConv2DBatchNorm'],
  wasm: [],
  webgpu: ['BitwiseAnd', 'ChaingradConv2DBatchNorm', 'NonMaxSuppressionV4'],
};

/** The cases that can be tried on a backend, by kernel. */
export const casesOn = (backend: BackendName): [kernelName: string, cases: GradientCase[]][] =>
  Object.entries(tables)
    .filter(([kernelName]) => !lacking[backend].includes(kernelName))
    .map(([kernelName, cases]): [string, GradientCase[]] => [kernelName, [cases].flat()])
    .filter(([, cases]) => !cases.some((c) => c.without?.backends.includes(backend)));
