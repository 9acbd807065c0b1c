/** Several traces of one forward pass, at several sizes of its inputs, as one graph whose sizes may vary. */
import type { Trace, TracedKernel, TracedTensor } from '@chaingrad/core';
import { Constant, type GraphType, typed } from './constant.ts';
import { type Dim, dimOf, Varying } from './dims.ts';
import { OnnxExportError } from './errors.ts';

/** An array of the graph before it has a place in the file. */
export interface GraphValue {
  readonly shape: readonly Dim[];
  readonly dtype: GraphType;
  /** Its values where they do not depend on the inputs. */
  readonly constant: Constant | null;
  /** The number of the argument that it is, else null. */
  readonly argument: number | null;
  /** A number that the program took from the inputs' sizes, e.g. the batch size, in each trace; else null. */
  readonly size: Varying | null;
}

/** A kernel's attribute, in which numbers may vary. */
export type Attribute = Dim | string | boolean | null | undefined | readonly Attribute[];

export interface GraphKernel {
  readonly name: string;
  readonly inputs: Readonly<Record<string, GraphValue>>;
  readonly attrs: Readonly<Record<string, Attribute>>;
  readonly outputs: readonly GraphValue[];
  readonly path: string;
}

export interface KernelGraph {
  readonly args: readonly GraphValue[];
  readonly kernels: readonly GraphKernel[];
  readonly outputs: readonly (readonly [place: string, value: GraphValue])[];
}

const advice =
  "Its work depends on the inputs' sizes: export it with these fixed (batch: 'fixed', size: 'fixed').";

/**
 * @param traces of one link at several sizes.
 * @throws OnnxExportError where the traces differ in more than sizes.
 */
export function mergeTraces(traces: readonly Trace[]): KernelGraph {
  const first = traces[0]!;
  const values = new Map<TracedTensor, { value: GraphValue; others: readonly TracedTensor[] }>();
  const merged = (path: string, tensors: readonly TracedTensor[]): GraphValue => {
    const [tensor, ...others] = tensors as [TracedTensor, ...TracedTensor[]];
    const known = values.get(tensor);
    if (known !== undefined) {
      if (known.others.some((other, i) => other !== others[i])) throw differs(path, 'other arrays are taken');
      return known.value;
    }
    if (others.some((other) => other.shape.length !== tensor.shape.length || other.dtype !== tensor.dtype)) {
      throw differs(path, 'arrays have another number of axes');
    }
    const value: GraphValue = {
      shape: tensor.shape.map((_, axis) => dimOf(tensors.map((each) => each.shape[axis]!))),
      dtype: tensor.dtype as GraphType,
      constant: constantOf(path, tensors),
      argument: tensor.origin.kind === 'argument' ? tensor.origin.index : null,
      size: sizeOf(tensors),
    };
    values.set(tensor, { value, others });
    return value;
  };

  const counts = traces.map((trace) => trace.kernels.length);
  const kernels = first.kernels.map((kernel, k): GraphKernel => {
    const all = traces.map((trace) => trace.kernels[k]) as TracedKernel[];
    const { name, path, inputs, outputs } = kernel;
    if (
      all.some(
        (other) => other?.name !== name || other.path !== path || other.outputs.length !== outputs.length,
      )
    ) {
      throw differs(path, `${name} is followed or replaced by other kernels`);
    }
    const keys = Object.keys(inputs);
    if (all.some((other) => Object.keys(other.inputs).join() !== keys.join())) {
      throw differs(path, `${name} has other inputs`);
    }
    return {
      name,
      path,
      inputs: Object.fromEntries(
        keys.map((key) => [
          key,
          merged(
            path,
            all.map((other) => other.inputs[key]!),
          ),
        ]),
      ),
      attrs: Object.fromEntries(
        Object.keys(kernel.attrs).map((key) => [
          key,
          mergeAttribute(
            path,
            `${name} ${key}`,
            all.map((other) => other.attrs[key]),
          ),
        ]),
      ),
      outputs: outputs.map((_, o) =>
        merged(
          path,
          all.map((other) => other.outputs[o]!),
        ),
      ),
    };
  });
  if (counts.some((count) => count !== counts[0])) {
    throw differs(kernels.at(-1)?.path ?? '/', 'more kernels follow');
  }
  return {
    args: first.args.map((_, i) =>
      merged(
        '/',
        traces.map((trace) => trace.args[i]!),
      ),
    ),
    kernels,
    outputs: first.outputs.map(([place], i) => [
      place,
      merged(
        '/',
        traces.map((trace) => trace.outputs[i]![1]),
      ),
    ]),
  };
}

const differs = (path: string, what: string) =>
  new OnnxExportError(path, `for inputs of other sizes ${what}.`, advice);

function constantOf(path: string, tensors: readonly TracedTensor[]): Constant | null {
  const [{ origin, shape, dtype }, ...others] = tensors as [TracedTensor, ...TracedTensor[]];
  if (origin.kind === 'given') {
    const { tensor } = origin;
    if (others.some((other) => other.origin.kind !== 'given' || other.origin.tensor !== tensor)) {
      throw differs(path, 'another constant is used');
    }
    return Constant.ofTensor(tensor, origin.path);
  }
  if (origin.kind !== 'written' || sizeOf(tensors) !== null) return null;
  const data = typed(dtype, origin.values);
  for (const other of others) {
    if (other.origin.kind !== 'written') throw differs(path, 'another constant is used');
    const theirs = typed(dtype, other.origin.values);
    if (
      theirs.length !== data.length ||
      !data.every((value: number | bigint, i: number) => Object.is(value, theirs[i]))
    )
      throw differs(path, `a number that the program computes changes (${data[0]} | ${theirs[0]})`);
  }
  return Constant.of(dtype as GraphType, shape, data);
}

/** A single number that the traces disagree on. */
function sizeOf(tensors: readonly TracedTensor[]): Varying | null {
  const numbers = tensors.map(({ origin, shape }) =>
    origin.kind === 'written' && shape.length === 0 ? Number(origin.values[0]) : null,
  );
  if (numbers.includes(null)) return null;
  const dim = dimOf(numbers as number[]);
  return dim instanceof Varying ? dim : null;
}

function mergeAttribute(path: string, what: string, all: readonly unknown[]): Attribute {
  const [one, ...others] = all;
  if (typeof one === 'number') {
    if (others.some((other) => typeof other !== 'number')) throw differs(path, `${what} changes its type`);
    return dimOf(all as number[]);
  }
  if (Array.isArray(one) || ArrayBuffer.isView(one)) {
    const lists = all.map((each) => Array.from(each as ArrayLike<unknown>));
    if (lists.some((list) => list.length !== lists[0]!.length))
      throw differs(path, `${what} changes its length`);
    return lists[0]!.map((_, i) =>
      mergeAttribute(
        path,
        what,
        lists.map((list) => list[i]),
      ),
    );
  }
  if (others.some((other) => other !== one)) throw differs(path, `${what} changes`);
  return one as Attribute;
}
