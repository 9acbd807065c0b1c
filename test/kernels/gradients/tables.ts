/** The cases of all gradient rules. */
import type { BackendName } from '../../support/backends.ts';
import type { GradientCase, GradientCases } from '../../support/gradient-case.ts';
import { elementwiseCases } from './elementwise-cases.ts';
import { structureCases } from './structure-cases.ts';
import { windowCases } from './window-cases.ts';

export const tables: GradientCases = { ...elementwiseCases, ...structureCases, ...windowCases };

/** Kernels that only the fast ones of wasm have; everywhere else they are composed of others. test/kernels/wasm tries their rules. */
export const fastKernels: readonly string[] = ['ChaingradConv2DBatchNorm'];

/** What a backend of tfjs lacks, among the other kernels that have a rule; `without` tells of those it has but cannot run in Node. */
export const lacking: Readonly<Record<BackendName, readonly string[]>> = {
  cpu: [],
  wasm: [],
  webgpu: ['BitwiseAnd', 'NonMaxSuppressionV4'],
};

type CasesByKernel = [kernelName: string, cases: GradientCase[]][];

const casesOf = (isWanted: (kernelName: string) => boolean): CasesByKernel =>
  Object.entries(tables)
    .filter(([kernelName]) => isWanted(kernelName))
    .map(([kernelName, cases]) => [kernelName, [cases].flat()]);

/** The cases of those that only the fast kernels have. */
export const fastCases = casesOf((kernelName) => fastKernels.includes(kernelName));

/** The cases that can be tried on a backend without them, by kernel. */
export const casesOn = (backend: BackendName): CasesByKernel =>
  casesOf((kernelName) => !fastKernels.includes(kernelName) && !lacking[backend].includes(kernelName)).filter(
    ([, cases]) => !cases.some((c) => c.without?.backends.includes(backend)),
  );
