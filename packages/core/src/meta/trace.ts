/** What a forward pass does, kernel by kernel, found without computing it. */
import * as tf from '@tensorflow/tfjs-core';
import { usingConfig } from '../configuration.ts';
import { ChaingradError, InvalidArgumentError, ShapeOnlyError } from '../errors.ts';
import type { Link } from '../link.ts';
import { type LinkHook, withLinkHook } from '../link-hook.ts';
import type { InputSpec } from '../summary.ts';
import { dataKey } from '../tfjs-internals.ts';
import { type KernelObserver, observingKernels, withShapesOnly, writtenValues } from './backend.ts';
import { metaMode } from './mode.ts';

/** A value of a traced pass. One object stands for one value, however many kernels take it. */
export interface TracedTensor {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  /** Where the value comes from. */
  readonly origin:
    | { readonly kind: 'argument'; readonly index: number }
    /** A kernel of the pass made it. */
    | { readonly kind: 'computed' }
    /** The pass wrote it: `tf.scalar(2)`. */
    | { readonly kind: 'written'; readonly values: tf.BackendValues }
    /** It was there before: a parameter or persistent, with its path, or any other tensor. Valid as long as that tensor. */
    | { readonly kind: 'given'; readonly tensor: tf.Tensor; readonly path: string | null };
}

/** One kernel of a traced pass. */
export interface TracedKernel {
  /** tfjs' name of the kernel, or chaingrad's. */
  readonly name: string;
  /** By tfjs' names; those of kernels with a list (Concat) are '0', '1', ... */
  readonly inputs: Readonly<Record<string, TracedTensor>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly outputs: readonly TracedTensor[];
  /** The link in whose `forward` it ran: its path below the traced link ('/' for that one). */
  readonly path: string;
}

/** A forward pass: kernels in the order in which they ran. */
export interface Trace {
  readonly args: readonly TracedTensor[];
  readonly kernels: readonly TracedKernel[];
  /** What `forward` gave: tensors by their place in it ('' for a tensor alone, '0', '1' in an array, keys of a record). */
  readonly outputs: readonly (readonly [place: string, value: TracedTensor])[];
}

/** A forward pass cannot be traced. */
export class TraceError extends ChaingradError {
  constructor(
    /** The path of the link below the traced one; '/' for that one. */
    readonly path: string,
    /** The link's class. */
    readonly link: string,
    detail: string,
    cause: unknown,
  ) {
    super(`${path} (${link}): ${detail}`, { cause });
  }
}

/** The program's own place in a stack: the first line that is not tfjs' or this library's machinery. */
function placeOf(error: unknown): string {
  const lines = (error as Error).stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  const own = lines.find((line) => !/tfjs-core|[\\/]core[\\/](src|dist)[\\/]/.test(line));
  return own === undefined ? '' : ` (${own.trim()})`;
}

/**
 * Runs `link.call` in test mode with shapes only, and tells which kernels it ran on what. The link is initialized first, as
 * by `link.initialize`.
 *
 * @param inputs one shape for each argument of `forward`.
 * @param forward what is run in place of `link.call`: a part of what the link does, whose paths are still the link's.
 * @throws TraceError, with the link's path, when `forward` reads values, uses a kernel without a shape rule or throws.
 */
export function traceForward(
  link: Link,
  inputs: readonly InputSpec[],
  forward: (...args: tf.Tensor[]) => unknown = (...args) => link.call(...(args as never[])),
): Trace {
  const complete = isComplete(link);
  const trace = tracePass(link, inputs, forward);
  // Parameters that found their shape on the way have their values, and their final tensors, only now.
  return complete ? trace : tracePass(link, inputs, forward);
}

/** The first path of the data of each parameter and persistent. */
function pathsOf(link: Link): Map<object, string> {
  const paths = new Map<object, string>();
  const add = (path: string, value: unknown) => {
    if (value instanceof tf.Tensor && !paths.has(dataKey(value))) paths.set(dataKey(value), path);
  };
  for (const [path, param] of link.namedparams()) add(path, param.array);
  for (const [path, persistent] of link.namedpersistents()) add(path, persistent.value);
  return paths;
}

const isComplete = (link: Link): boolean =>
  [...link.params()].every((param) => param.isInitialized) &&
  [...link.namedpersistents()].every(([, persistent]) => persistent.value !== null);

function tracePass(
  link: Link,
  inputs: readonly InputSpec[],
  forward: (...args: tf.Tensor[]) => unknown,
): Trace {
  const names = new Map<Link, string>();
  for (const [path, each] of link.namedlinks()) if (!names.has(each)) names.set(each, path);
  const paths = pathsOf(link);
  const stack: Link[] = [];
  const place = (inner: Link) => names.get(inner) ?? (inner.path || '/');
  const known = new Map<object, TracedTensor>();
  const kernels: TracedKernel[] = [];
  const args: TracedTensor[] = [];
  const outputs: [string, TracedTensor][] = [];
  // Tensors are told apart by their data: a clone made before the pass shares it, in another shape maybe.
  const same = (traced: TracedTensor | undefined, { shape }: tf.TensorInfo) =>
    traced !== undefined && tf.util.arraysEqual([...traced.shape], shape) ? traced : undefined;
  const find = (tensor: tf.TensorInfo): TracedTensor => {
    const seen = same(known.get(dataKey(tensor)), tensor);
    if (seen !== undefined) return seen;
    const values = writtenValues(dataKey(tensor));
    const origin =
      values === undefined
        ? { kind: 'given' as const, tensor: tensor as tf.Tensor, path: paths.get(dataKey(tensor)) ?? null }
        : { kind: 'written' as const, values };
    const traced: TracedTensor = { shape: [...tensor.shape], dtype: tensor.dtype, origin };
    known.set(dataKey(tensor), traced);
    return traced;
  };
  const run = () => {
    const placeholders = inputs.map((input, index) => {
      const { shape, dtype } = 'shape' in input ? input : { shape: input, dtype: 'float32' as const };
      const tensor = metaMode()!.placeholder(shape, dtype);
      const traced: TracedTensor = { shape: [...shape], dtype, origin: { kind: 'argument', index } };
      known.set(dataKey(tensor), traced);
      args.push(traced);
      return tensor;
    });
    try {
      tf.tidy(() => {
        const out = usingConfig('train', false, () => forward(...placeholders));
        outputs.push(...flatten(out).map(([at, tensor]): [string, TracedTensor] => [at, find(tensor)]));
      });
    } finally {
      for (const tensor of placeholders) tensor.dispose();
    }
  };
  const hook: LinkHook = {
    name: 'chaingrad-trace',
    forwardPreprocess: ({ link: called }) => void stack.push(called),
    forwardPostprocess: ({ out }) => {
      if (out instanceof Promise) {
        // It may have failed already for want of values; that is told here.
        out.catch(() => {});
        throw new InvalidArgumentError(
          'forward',
          'tensors',
          'a promise',
          'What it waits for has no values here.',
        );
      }
      stack.pop();
    },
  };
  const misses: { readonly error: unknown; readonly at: Link }[] = [];
  const missed = (error: unknown) => misses.push({ error, at: stack.at(-1) ?? link });
  const observe: KernelObserver = (name, ins, attrs, outs) => {
    const given = Object.entries(ins).filter(([, tensor]) => tensor != null);
    const made = outs.map((info): TracedTensor => {
      const traced: TracedTensor = {
        shape: [...info.shape],
        dtype: info.dtype,
        origin: { kind: 'computed' },
      };
      known.set(dataKey(info), traced);
      return traced;
    });
    kernels.push({
      name,
      inputs: Object.fromEntries(given.map(([key, tensor]) => [key, find(tensor as tf.TensorInfo)])),
      attrs: { ...attrs },
      outputs: made,
      path: place(stack.at(-1) ?? link),
    });
  };
  withShapesOnly(() => {
    try {
      withLinkHook(hook, () => observingKernels(observe, missed, run));
      // A forward pass that goes on without the values that it asked for has taken a way of its own.
      if (misses.length > 0) throw misses[0]!.error;
    } catch (thrown) {
      const miss = misses.find(({ error }) => error === thrown);
      const { error, at } = miss ?? { error: thrown, at: stack.at(-1) ?? link };
      const kernel = /Kernel '([^']+)' .*'chaingrad-meta'/.exec(String(error))?.[1];
      const detail =
        kernel !== undefined
          ? `kernel '${kernel}' has no rule that tells its shape.`
          : error instanceof ShapeOnlyError
            ? `forward reads values by ${error.operation}: what it does may depend on them, and a trace has none.`
            : (error as Error).message;
      throw new TraceError(place(at), at.constructor.name, `${detail}${placeOf(error)}`, error);
    }
  }, true);
  return { args, kernels, outputs };
}

/** The tensors of what `forward` gave, with their places. */
function flatten(out: unknown, at = ''): [string, tf.Tensor][] {
  if (out instanceof tf.Tensor) return [[at, out]];
  if (typeof out !== 'object' || out === null) return [];
  return Object.entries(out).flatMap(([key, value]) => flatten(value, at === '' ? key : `${at}.${key}`));
}
