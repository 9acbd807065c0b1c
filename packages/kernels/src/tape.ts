/**
 * The seam to tfjs' tape, for gradients of gradients.
 *
 * A gradient function works on copies of what the forward pass saved. tfjs 4.22 records the copying of an output before the
 * operation that makes the output, so that the copy seems to come from nowhere: a second gradient takes it for a constant.
 * What a custom gradient saves of its own intermediate values is not recorded at all. Both gave wrong numbers without a word.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { BackwardPass } from './backward-pass.ts';
import { SecondGradientError } from './errors.ts';
import { type KernelInputs, type Recorder, recorder, type TapeNode } from './tfjs-internals.ts';

/** Whether operations go on the tape now. Asked in a gradient function: whether its result will be differentiated again. */
export const isRecorded = (): boolean => recorder().state.gradientDepth > 0;

/** Runs `f`, with the inputs of every kernel that it runs given by `inputsOf`. */
function withInputs<R>(inputsOf: (inputs: KernelInputs) => KernelInputs, f: () => R): R {
  const engine = recorder();
  const { runKernel } = engine;
  engine.runKernel = (name, inputs, attrs) => runKernel.call(engine, name, inputsOf(inputs), attrs);
  try {
    return f();
  } finally {
    engine.runKernel = runKernel;
  }
}

export interface Observed<R> {
  readonly result: R;
  /** Whether the function made the tensor. */
  readonly isMade: (tensor: tf.Tensor) => boolean;
  /** Those of the tensors that its kernels took which it did not make. */
  readonly outside: readonly tf.Tensor[];
}

/** Runs `f` and looks at what it makes and takes. */
export function observe<R>(f: () => R): Observed<R> {
  const engine = recorder();
  const first = engine.nextTensorId();
  const taken = new Set<tf.Tensor>();
  const result = withInputs((inputs) => {
    for (const tensor of Object.values(inputs)) if (tensor && tensor.id < first) taken.add(tensor);
    return inputs;
  }, f);
  const last = engine.nextTensorId();
  return { result, isMade: ({ id }) => id > first && id < last, outside: [...taken] };
}

/**
 * Runs `f`, with stand-ins, by id, for inputs of kernels that are gone. Without a stand-in it throws: tfjs does not look, and on
 * webgpu finds out when commands are submitted, which fails from then on.
 */
export function withStandIns<R>(standIns: ReadonlyMap<number, tf.Tensor>, f: () => R): R {
  const live = (tensor: tf.Tensor | undefined) => {
    if (!tensor?.isDisposed) return tensor;
    const standIn = standIns.get(tensor.id);
    if (standIn === undefined) throw new Error(`Tensor ${tensor.id} is disposed.`);
    return standIn;
  };
  return withInputs(
    (inputs) =>
      Array.isArray(inputs)
        ? inputs.map((tensor) => live(tensor)!)
        : Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, live(tensor)])),
    f,
  );
}

/** The name of the operation that the innermost scope belongs to. */
function operationName(): string | null {
  const name = recorder().state.activeScope?.name ?? '';
  return name.endsWith('__op') ? name.slice(0, -'__op'.length) : null;
}

/**
 * Puts the copies of outputs, which were recorded just before the last node, behind it. Copies of values made inside of a
 * custom gradient since `firstInside` refuse to be differentiated.
 */
function relinkSaved(tape: TapeNode[], firstInside: number): void {
  const node = tape.at(-1)!;
  const { saved, outputs } = node;
  const begin = tape.length - 1 - saved.length;
  const copies = tape.slice(Math.max(begin, 0), -1);
  if (copies.length !== saved.length || copies.some((copy, i) => copy.outputs[0] !== saved[i])) return;
  const behind: TapeNode[] = [];
  const before: TapeNode[] = [];
  for (const copy of copies) {
    const source = copy.inputs['x']!;
    if (outputs.includes(source)) behind.push(copy);
    else before.push(copy);
    if (outputs.includes(source) || source.id < firstInside) continue;
    const operation = operationName();
    copy.inputs = node.inputs;
    copy.gradient = () => {
      throw new SecondGradientError(operation);
    };
  }
  tape.splice(begin, copies.length + 1, ...before, node, ...behind);
}

// The engine is one for the whole process, so it is mended once, whatever copies of this package there are.
const mended = Symbol.for('@chaingrad/kernels/tape');

/**
 * Makes tfjs record what is saved for gradients so that these can be differentiated again, and free in a backward pass what it is done
 * with. Calling it again does no harm.
 */
export function mendTape(): void {
  const engine = recorder() as Recorder & { [mended]?: true };
  if (engine[mended]) return;
  engine[mended] = true;
  const { addTapeNode, customGrad, gradients } = engine;
  const passes: BackwardPass[] = [];
  engine.gradients = (f, xs, ...rest) => {
    passes.push(new BackwardPass(xs));
    try {
      return gradients.call(engine, f, xs, ...rest);
    } finally {
      passes.pop();
    }
  };
  let firstInside = Number.POSITIVE_INFINITY;
  engine.addTapeNode = (...args) => {
    addTapeNode.apply(engine, args);
    const { activeTape } = engine.state;
    const node = activeTape.at(-1)!;
    const { gradient } = node;
    if (gradient !== undefined) {
      // What a pass leaves behind that is recorded itself is needed for its own gradient.
      node.gradient = (dys) => (isRecorded() ? gradient(dys) : passes.at(-1)!.visit(node, gradient, dys));
    }
    if (node.saved.length > 0) relinkSaved(activeTape, firstInside);
  };
  engine.customGrad = (f) => {
    const operation = customGrad.call(engine, f);
    return (...inputs) => {
      const outside = firstInside;
      firstInside = engine.nextTensorId();
      try {
        return operation(...inputs);
      } finally {
        firstInside = outside;
      }
    };
  };
}
