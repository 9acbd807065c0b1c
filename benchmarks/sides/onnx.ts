/** What both builds of ONNX Runtime have in common. */
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { Graph } from '../models/graph.ts';
import { drawParam } from '../models/weights.ts';
import type { OpenOptions, Runner } from './side.ts';

/** (B, H, W, C) to (B, C, H, W). */
function channelsFirst(
  x: Float32Array,
  batch: number,
  pixels: number,
  channels: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(x.length);
  for (let b = 0, from = 0; b < batch; b++)
    for (let p = 0; p < pixels; p++)
      for (let c = 0; c < channels; c++) out[(b * channels + c) * pixels + p] = x[from++]!;
  return out;
}

interface Runtime {
  readonly InferenceSession: {
    create(bytes: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => Tensor;
}

/** A session on a graph's file, with every optimization that the runtime has. */
export async function openOnnx(
  runtime: Runtime,
  graph: Graph,
  { batch, drawn, platform }: OpenOptions,
  settings: InferenceSession.SessionOptions,
  about: Pick<Runner, 'info' | 'code'>,
): Promise<Runner> {
  const bytes = drawn
    ? (await import('../models/onnx.ts')).onnxBytes(graph, (name) => drawParam(graph, name))
    : await platform.read(`${graph.name}.onnx`);
  const session = await runtime.InferenceSession.create(bytes, {
    ...settings,
    graphOptimizationLevel: 'all',
    freeDimensionOverrides: { N: batch },
  });
  const [h, w, c] = graph.input;
  let input = new Float32Array(0);
  return {
    ...about,
    input(x) {
      input = channelsFirst(x, batch, h * w, c);
    },
    async forward() {
      const results = await session.run({ x: new runtime.Tensor('float32', input, [batch, c, h, w]) });
      return graph.outputs.map((name) => results[name]!.data as Float32Array);
    },
    channelsLast: (outputs) =>
      outputs.map((data, i) => {
        const node = graph.nodes.find((candidate) => candidate.name === graph.outputs[i])!;
        if (node.op === 'boxes') return data;
        const [oh, ow, oc] = node.shape;
        // The same, seen from the other side.
        return channelsFirst(data, batch, oc, oh * ow);
      }),
    dispose: () => void session.release(),
  };
}
