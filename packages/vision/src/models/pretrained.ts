import type { Link } from '@chaingrad/core';
import {
  type ByteSource,
  type Complete,
  type FetchModelOptions,
  type LoadReport,
  loadNpz,
  type PretrainedTable,
  prepareModel,
  sourceName,
} from '@chaingrad/weights';

/** How a model's weights are got: progress, a signal to stop, another server. */
export type PretrainedOptions = FetchModelOptions;

/** A model's name, and where its weights come from. */
export interface PretrainedSpec<P extends object, M extends Link> {
  readonly name: string;
  readonly models: PretrainedTable<P>;
  readonly defaults?: Partial<P>;
  /** ChainerCV's rule: VGG16 wants every name, the SSDs take what there is. */
  readonly strict: boolean;
  create(param: Complete<P>): M;
  /** Of an input, to draw what the file does not have. */
  readonly inputShape: readonly number[];
}

/**
 * A model with trained weights, made with the arguments that they imply. Nothing is left behind when loading fails.
 * @param param every argument by name; undefined or null where the user gave none.
 */
export async function fromPretrained<P extends object, M extends Link>(
  spec: PretrainedSpec<P, M>,
  pretrained: ByteSource,
  param: P,
  options: PretrainedOptions,
): Promise<M> {
  const prepared = await prepareModel(param, pretrained, spec.models, spec.defaults, options);
  const model = spec.create(prepared.param);
  try {
    if (prepared.source !== null) {
      const { signal, onProgress } = options;
      const report = await loadNpz(prepared.source, model, { strict: spec.strict, signal, onProgress });
      // The table's files are known; another one that fits in part only is told.
      const known = typeof pretrained === 'string' && Object.hasOwn(spec.models, pretrained);
      if (!known) warnOfGaps(`${spec.name}.fromPretrained(${sourceName(pretrained)})`, report);
    }
    return model.initialize(spec.inputShape);
  } catch (error) {
    model.dispose();
    throw error;
  }
}

function warnOfGaps(where: string, report: LoadReport): void {
  if (report.missing.length + report.unexpected.length > 0) {
    console.warn(`${where}: parameters that the file lacks start from random values. ${report.summary()}`);
  }
}
