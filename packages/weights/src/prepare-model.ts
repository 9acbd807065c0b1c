import { PretrainedArgumentError, UnknownPretrainedError } from './pretrained-error.ts';
import type { PretrainedModel, PretrainedTable } from './pretrained-models.ts';
import { type FetchModelOptions, fetchModel } from './sources/chainercv.ts';
import type { ByteSource } from './sources/read-bytes.ts';

/** Arguments of which none is missing any more. */
export type Complete<P> = { readonly [K in keyof P]: NonNullable<P[K]> };

export interface ResolvedModel<P extends object> {
  readonly param: Complete<P>;
  /** The entry of the table, where `pretrained` is a name in it. */
  readonly model: PretrainedModel<P> | null;
}

export interface PreparedModel<P extends object> {
  readonly param: Complete<P>;
  /** The weights to load, or null where none are asked for. */
  readonly source: ByteSource | null;
}

/**
 * Completes a model's arguments by what its pretrained weights fix, then by defaults (the first half of ChainerCV's
 * `prepare_pretrained_model`; nothing is read).
 * @param param every argument by name; null or undefined where the user gave none.
 * @param pretrained a name in `models`; anything else fixes nothing.
 * @throws PretrainedArgumentError: "nFgClass must be 20", "nClass must be specified".
 */
export function resolveModel<P extends object>(
  param: P,
  pretrained: ByteSource | null | undefined,
  models: PretrainedTable<P>,
  defaults: Partial<P> = {},
): ResolvedModel<P> {
  const name = typeof pretrained === 'string' && Object.hasOwn(models, pretrained) ? pretrained : null;
  const model = name === null ? null : models[name]!;
  const complete: Partial<P> = {};
  for (const key of Object.keys(param) as (keyof P & string)[]) {
    const given = param[key] ?? null;
    const fixed = model?.param[key] ?? null;
    const free = fixed === null || model?.overwritable?.includes(key) === true;
    if (given !== null && !free && !equal(given, fixed)) {
      const advice = `The weights '${name}' are made for it; to change it, transfer them to a model without pretrained.`;
      throw new PretrainedArgumentError(key, fixed, given, advice);
    }
    const value = given ?? fixed ?? defaults[key] ?? null;
    if (value === null) {
      const names = Object.keys(models).filter((other) => (models[other]!.param[key] ?? null) !== null);
      const hint =
        names.length === 0 ? '' : `, or choose pretrained weights that imply it: ${names.join(', ')}`;
      throw new PretrainedArgumentError(key, null, value, `Give it${hint}.`);
    }
    complete[key] = value as P[keyof P & string];
  }
  return { param: complete as Complete<P>, model };
}

/**
 * Completes a model's arguments and gets its weights: ChainerCV's `prepare_pretrained_model`.
 *
 * ```ts
 * const { param, source } = await prepareModel({ nFgClass: null }, 'voc0712', pretrainedModels.SSD300);
 * const model = new SSD300(param);                      // nFgClass 20
 * if (source !== null) await loadNpz(source, model, { strict: false });
 * ```
 *
 * @param pretrained a name in `models`, which is taken from Chainer's cache or downloaded; a path, an address or
 *   bytes, which are handed on; null or '' for no weights.
 * @throws PretrainedArgumentError as `resolveModel`; UnknownPretrainedError for a name that is not in the table;
 *   DownloadError.
 */
export async function prepareModel<P extends object>(
  param: P,
  pretrained: ByteSource | null | undefined,
  models: PretrainedTable<P>,
  defaults: Partial<P> = {},
  options: FetchModelOptions = {},
): Promise<PreparedModel<P>> {
  const resolved = resolveModel(param, pretrained, models, defaults);
  if (resolved.model !== null) {
    return { param: resolved.param, source: await fetchModel(resolved.model.file, options) };
  }
  // A name without any of the marks of a path or an address: most likely misspelt. Chainer would look for a file.
  if (typeof pretrained === 'string' && /^[^./\\:]+$/.test(pretrained)) {
    throw new UnknownPretrainedError(pretrained, Object.keys(models));
  }
  return { param: resolved.param, source: pretrained || null };
}

function equal(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => item === b[i]);
  return a === b;
}
