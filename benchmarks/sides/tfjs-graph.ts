/** A graph as a tfjs program: fused operations, filters in tfjs' own layout. */
import * as tf from '@tensorflow/tfjs-core';
import type { Graph } from '../models/graph.ts';
import { type NamedValues, tfjsLayout } from '../models/layouts.ts';
import { readSafetensors } from '../models/safetensors.ts';
import { drawParam } from '../models/weights.ts';
import type { OpenOptions, Runner, Side } from './side.ts';

/** The parameters of a graph in tfjs' layout, from its file or drawn. */
export async function tfjsParams(
  graph: Graph,
  { drawn, platform }: OpenOptions,
): Promise<ReadonlyMap<string, NamedValues>> {
  if (!drawn) return readSafetensors(await platform.read(`${graph.name}.tfjs.safetensors`));
  return new Map(
    [...graph.params.keys()].map((name) => [name, tfjsLayout(graph, name, drawParam(graph, name))]),
  );
}

/** What tfjs calls 'same', where the graph's padding is that; else None for `explicit`. */
function isSame(
  size: readonly number[],
  out: readonly number[],
  span: number,
  stride: number,
  pad: readonly number[],
) {
  return [0, 1].every((axis) => {
    const total = Math.max(0, (out[axis]! - 1) * stride + span - size[axis]!);
    return (
      out[axis] === Math.ceil(size[axis]! / stride) &&
      pad[2 * axis] === Math.floor(total / 2) &&
      pad[2 * axis + 1] === Math.ceil(total / 2)
    );
  });
}

/** The forward pass of a graph. `fused` off keeps to operations that have gradients. */
export function runTfjs(
  graph: Graph,
  params: ReadonlyMap<string, tf.Tensor>,
  x: tf.Tensor4D,
  fused = true,
): tf.Tensor[] {
  const values = new Map<string, tf.Tensor>([['x', x]]);
  const activate = (h: tf.Tensor, act: string | null) =>
    act === 'relu' ? tf.relu(h) : act === 'relu6' ? tf.relu6(h) : h;
  for (const node of graph.nodes) {
    const h = values.get(node.inputs[0]!) as tf.Tensor4D;
    const [, hh, hw] = h.shape;
    let y: tf.Tensor;
    switch (node.op) {
      case 'conv': {
        const { stride, pad, act, dilate, ksize, groups } = node;
        const filter = params.get(node.W) as tf.Tensor4D;
        const bias = params.get(node.b) as tf.Tensor1D;
        const same = isSame([hh!, hw!], node.shape, dilate * (ksize - 1) + 1, stride, pad);
        const explicit = [[0, 0], pad.slice(0, 2), pad.slice(2), [0, 0]] as Parameters<typeof tf.pad>[1];
        const [input, padding] = same ? [h, 'same' as const] : [tf.pad(h, explicit), 'valid' as const];
        const activation = act ?? undefined;
        if (!fused)
          y = activate(tf.add(tf.conv2d(input, filter, stride, padding, 'NHWC', dilate), bias), act);
        else if (groups > 1)
          y = tf.fused.depthwiseConv2d({ x: input, filter, strides: stride, pad: padding, bias, activation });
        else
          y = tf.fused.conv2d({
            ...{ x: input, filter, strides: stride, pad: padding, dilations: dilate, bias, activation },
          });
        break;
      }
      case 'maxpool': {
        if (!isSame([hh!, hw!], node.shape, node.ksize, node.stride, node.pad))
          throw new Error(`${graph.name}/${node.name}: no pooling that tfjs has`);
        y = tf.maxPool(h, node.ksize, node.stride, 'same');
        break;
      }
      case 'l2norm': {
        const length = tf.sqrt(tf.sum(tf.square(h), -1, true));
        y = tf.mul(tf.div(h, tf.add(length, 1e-5)), params.get(node.scale)!);
        break;
      }
      case 'add':
        y = tf.add(h, values.get(node.inputs[1]!)!);
        break;
      case 'dense': {
        const a = tf.reshape(h, [h.shape[0], -1]) as tf.Tensor2D;
        const b = params.get(node.W) as tf.Tensor2D;
        const bias = params.get(node.b)!;
        y = fused
          ? tf.fused.matMul({ a, b, bias, activation: node.act ?? undefined })
          : activate(tf.add(tf.matMul(a, b), bias), node.act);
        break;
      }
      case 'softmax':
        y = tf.softmax(h);
        break;
      case 'boxes':
        y = tf.concat(
          node.inputs.map((map) => {
            const value = values.get(map)!;
            return tf.reshape(value, [value.shape[0]!, -1, node.values]);
          }),
          1,
        );
    }
    values.set(node.name, y);
  }
  return graph.outputs.map((name) => values.get(name)!);
}

/** The parameters as tensors. */
export function toTensors(params: ReadonlyMap<string, NamedValues>): Map<string, tf.Tensor> {
  return new Map([...params].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]));
}

/** A forward pass from numbers to numbers. */
export async function forwardTfjs(run: () => tf.Tensor[]): Promise<Float32Array[]> {
  const outputs = tf.tidy(run);
  const data = await Promise.all(outputs.map((tensor) => tensor.data<'float32'>()));
  tf.dispose(outputs);
  return data;
}

/**
 * The side that runs a graph on tfjs.
 *
 * @param start selects the backend; tells what it uses.
 */
export const tfjsSide = (start: (options: OpenOptions) => Promise<Pick<Runner, 'info' | 'code'>>): Side => ({
  async open(graph, options): Promise<Runner> {
    const about = await start(options);
    const params = toTensors(await tfjsParams(graph, options));
    let input = new Float32Array(0);
    const shape: [number, number, number, number] = [options.batch, ...graph.input];
    return {
      ...about,
      input(x) {
        input = x;
      },
      forward: () => forwardTfjs(() => runTfjs(graph, params, tf.tensor4d(input, shape))),
      dispose: () => tf.dispose([...params.values()]),
    };
  },
});
