/** The tree of links of an imported network. */
import { type Chain, Parameter, Persistent } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Graph } from '../graph.ts';
import { type PlanOptions, plan } from '../plan/plan.ts';
import type { NodeStep, Program } from '../plan/program.ts';
import { OnnxChain, OnnxGroup, type OnnxOutput } from './onnx-chain.ts';
import { OnnxLayer } from './onnx-layer.ts';

const taken = (name: string) => name === 'held' || name in OnnxChain.prototype || name in OnnxLayer.prototype;

/** Plans a graph and makes its links, whose parameters have the graph's values. */
export function chainOf<Out extends OnnxOutput>(
  graph: Graph,
  options: Pick<PlanOptions, 'layout' | 'outputs'>,
): OnnxChain<Out> {
  const { program, values } = plan(graph, { ...options, taken });
  const network = new OnnxChain<Out>(program);
  const layers = new Map<string, NodeStep>();
  for (const step of program.steps)
    for (const each of step.kind === 'node' ? [step] : step.steps)
      if (each.layer !== null) layers.set(each.layer.join('/'), each);
  for (const [name, { path, statistic }] of program.weights) {
    const link = linkFor(network, path.slice(0, -1), layers, program);
    const array = values.get(name)!;
    const data = array.data instanceof Float32Array ? array.data : new Float32Array(array.data);
    const tensor = tf.tensor(data, [...array.shape], 'float32');
    const field = statistic ? new Persistent(tensor) : new Parameter(tensor);
    tensor.dispose();
    Object.defineProperty(link, path.at(-1)!, {
      value: field,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return network;
}

function linkFor(
  network: OnnxChain<OnnxOutput>,
  path: readonly string[],
  layers: ReadonlyMap<string, NodeStep>,
  program: Program,
): object {
  let at: Chain = network;
  path.forEach((segment, depth) => {
    const found = (at as unknown as Record<string, unknown>)[segment];
    if (found !== undefined) {
      at = found as Chain;
      return;
    }
    const step = layers.get(path.slice(0, depth + 1).join('/'));
    const link = step === undefined ? new OnnxGroup() : layerFor(step, program);
    at.addLink(segment, link);
    at = link as unknown as Chain;
  });
  return at;
}

function layerFor(step: NodeStep, program: Program): OnnxLayer {
  const fields = step.node.inputs.map((name, i) =>
    i === 0 ? null : (program.weights.get(name)?.path.at(-1) ?? null),
  );
  return new OnnxLayer({ step, opset: program.opset, fields });
}
