/** Runs a program: node by node, each value freed after the last node that needs it. */
import { ChaingradError, config, ShapeOnlyError, usingConfig } from '@chaingrad/core';
import { isRecording } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { OperatorError, UnsupportedForm, UnsupportedOperatorError } from '../errors.ts';
import { convolution } from '../ops/convolution.ts';
import { Call } from '../ops/rule.ts';
import type { FusedStep, NodeStep, Step } from '../plan/program.ts';
import { tidyNode, Value } from '../values/value.ts';
import { foldedNorm } from './folded.ts';
import type { Network } from './network.ts';
import { OnnxLayer, shapesOnly } from './onnx-layer.ts';

/** A value whose numbers are needed on the host before the program goes on. */
export type Wanted = Value;

/**
 * Runs the network's program. Yields each value that a node wants on the host; whoever drives it reads the value's tensor
 * and gives it back by `setHost`.
 */
export function* execute(
  network: Network,
  inputs: ReadonlyMap<string, Value>,
): Generator<Wanted, Map<string, Value>, void> {
  const { program } = network;
  const env = new Map<string, Value>(inputs);
  const outputs = new Map<string, Value>();
  try {
    for (const [i, step] of program.steps.entries()) {
      yield* runStep(network, step, env);
      for (const name of program.last[i]!) {
        env.get(name)?.dispose();
        env.delete(name);
      }
    }
    for (const { name } of program.outputs) {
      const value = valueNamed(network, name, env);
      outputs.set(name, value);
      env.delete(name);
    }
    return outputs;
  } finally {
    for (const value of env.values()) value.dispose();
  }
}

function valueNamed(network: Network, name: string, env: Map<string, Value>): Value {
  const found = env.get(name);
  if (found !== undefined) return found;
  const { program } = network;
  const weight = program.weights.get(name);
  const value =
    weight !== undefined
      ? Value.borrowed(network.weightAt(weight.path), 'float32')
      : Value.host(program.constants.get(name)!);
  env.set(name, value);
  return value;
}

function* runStep(network: Network, step: Step, env: Map<string, Value>): Generator<Wanted, void, void> {
  if (step.kind === 'node') {
    yield* runNode(network, step, env);
    return;
  }
  if (runFused(network, step, env)) return;
  for (const each of step.steps) yield* runNode(network, each, env);
}

/** Whether weights may be folded into others now: nothing learns, and there are values. */
const mayFold = () => !config.train && !isRecording() && tf.getBackend() !== shapesOnly;

/** @returns false where the nodes must be run one by one. */
function runFused(network: Network, step: FusedStep, env: Map<string, Value>): boolean {
  const { conv, norm, activation } = step;
  if (norm !== null && !mayFold()) return false;
  const convLayer = conv.layer === null ? null : network.linkAt(conv.layer);
  const normLayer = norm === null ? null : network.linkAt(norm.layer!);
  // Somebody has put a link of his own in their place.
  if (
    (conv.layer !== null && !(convLayer instanceof OnnxLayer)) ||
    (norm !== null && !(normLayer instanceof OnnxLayer))
  )
    return false;
  const last = step.steps.at(-1)!;
  const place = placeOf(network, conv);
  const x = valueNamed(network, conv.node.inputs[0]!, env);
  try {
    const out = tidyNode(() => {
      const read = (name: string | undefined) =>
        name === undefined || name === '' ? null : valueNamed(network, name, env);
      const filter = read(conv.node.inputs[1])!;
      const bias = read(conv.node.inputs[2]);
      const order = OnnxLayer.orderOf(conv, x.rank);
      const flat = bias === null ? null : tf.reshape(bias.tensor(), [bias.size]);
      const folded =
        norm === null
          ? { weight: filter.tensor(), bias: flat }
          : foldedNorm(network, step, filter.tensor(), flat, normLayer as OnnxLayer);
      const replacement = { ...folded, activation };
      if (convLayer !== null) {
        const y = (convLayer as OnnxLayer).call(x.tensor(order), replacement);
        const value = Value.device(y, x.dtype, order);
        return { result: value, tensors: [y] };
      }
      const given = [
        x,
        Value.borrowed(folded.weight, 'float32'),
        folded.bias && Value.borrowed(folded.bias, 'float32'),
      ];
      const result = convolution(new Call(conv.node, network.program.opset, given), activation);
      return { result, tensors: result.owned };
    });
    env.set(last.node.outputs[0]!, out);
    return true;
  } catch (error) {
    throw failure(error, place);
  }
}

const placeOf = (network: Network, { node }: NodeStep) => ({
  file: network.program.file,
  node: node.name,
  operator: node.op,
});

/** The error of a node with its place. One that has a place already (of a node within, of a layer) stays. */
function failure(error: unknown, place: ReturnType<typeof placeOf>): Error {
  if (error instanceof OperatorError || error instanceof UnsupportedOperatorError) return error;
  if (error instanceof UnsupportedForm)
    return new UnsupportedOperatorError(place, `not imported is ${error.message}`);
  // Core says what to do where shapes alone are known; its callers look for these errors.
  if (error instanceof ShapeOnlyError) return error;
  if (/Kernel '[^']+' .*'chaingrad-meta'/.test(String(error))) return error as Error;
  return new OperatorError(place, error);
}

function* runNode(network: Network, step: NodeStep, env: Map<string, Value>): Generator<Wanted, void, void> {
  const { node, rule } = step;
  const place = placeOf(network, step);
  try {
    if (step.layer !== null) {
      runLayer(network, step, env);
      return;
    }
    const inputs = node.inputs.map((name) => (name === '' ? null : valueNamed(network, name, env)));
    for (const [i, value] of inputs.entries()) {
      const wanted = rule.reads === 'all' || rule.reads?.includes(i);
      if (wanted && value !== null && value.hostArray === null) yield value;
    }
    const call = new Call(node, network.program.opset, inputs);
    const outputs = tidyNode(() => {
      const result = [rule.run(call)].flat() as Value[];
      return { result, tensors: result.flatMap((value) => value.owned) };
    });
    node.outputs.forEach((name, i) => {
      const value = outputs[i];
      if (value === undefined) return;
      if (name === '') value.dispose();
      else env.set(name, value);
    });
    for (const extra of outputs.slice(node.outputs.length)) extra.dispose();
  } catch (error) {
    throw failure(error, place);
  }
}

function runLayer(network: Network, step: NodeStep, env: Map<string, Value>): void {
  const x = valueNamed(network, step.node.inputs[0]!, env);
  const link = network.linkAt(step.layer!);
  const order = OnnxLayer.orderOf(step, x.rank);
  const value = tidyNode(() => {
    const y = (link as OnnxLayer).call(x.tensor(order));
    return { result: Value.device(y, x.dtype, OnnxLayer.orderOf(step, y.rank)), tensors: [y] };
  });
  env.set(step.node.outputs[0]!, value);
}

/** Drives `execute` to its end, reading values at once. */
export function drive(run: ReturnType<typeof execute>): Map<string, Value> {
  let step = run.next();
  while (!step.done) {
    const { value } = step;
    try {
      value.setHost(value.tensor().dataSync());
    } catch (error) {
      // Thrown where the value is wanted, so that the message tells the node.
      step = run.throw(error instanceof ChaingradError ? error : new UnreadableError(error));
      continue;
    }
    step = run.next();
  }
  return step.value;
}

/** A backend that gives values only after a while was asked for them at once. */
class UnreadableError extends ChaingradError {
  constructor(cause: unknown) {
    super(
      `expected an input whose values can be read at once, got one on backend '${tf.getBackend()}': ${(cause as Error).message}. Use callAsync.`,
      { cause },
    );
  }
}

/** Drives `execute` for inference, waiting for each value that is read: WebGPU gives them no other way. */
export async function driveAsync(run: ReturnType<typeof execute>): Promise<Map<string, Value>> {
  const next = () => usingConfig('train', false, () => run.next());
  let step = next();
  while (!step.done) {
    const { value } = step;
    try {
      value.setHost(await value.tensor().data());
    } catch (error) {
      run.throw(error);
    }
    step = next();
  }
  return step.value;
}
