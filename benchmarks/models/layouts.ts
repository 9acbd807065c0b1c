/** Parameters as tfjs has them: convolutions HWIO, depthwise ones (H, W, C, 1), dense ones (in, out) with in as (H, W, C). */
import type { Graph } from './graph.ts';

export interface NamedValues {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** The parameter `name` in tfjs' layout. */
export function tfjsLayout(graph: Graph, name: string, data: Float32Array<ArrayBuffer>): NamedValues {
  const shape = graph.params.get(name)!;
  if (shape.length === 1) return { shape, data };
  const node = graph.nodes.find(
    (candidate) => (candidate.op === 'conv' || candidate.op === 'dense') && candidate.W === name,
  )!;
  if (node.op === 'conv') {
    const [o, i, kh, kw] = shape as [number, number, number, number];
    const depthwise = node.groups > 1;
    const out = new Float32Array(data.length);
    let from = 0;
    for (let oo = 0; oo < o; oo++)
      for (let ii = 0; ii < i; ii++)
        for (let k = 0; k < kh * kw; k++) out[(k * i + ii) * o + oo] = data[from++]!;
    return { shape: depthwise ? [kh, kw, o, 1] : [kh, kw, i, o], data: out };
  }
  const [o, inputs] = shape as [number, number];
  const [h, w, c] = (node as Extract<typeof node, { op: 'dense' }>).inShape;
  const out = new Float32Array(data.length);
  for (let oo = 0; oo < o; oo++)
    for (let cc = 0; cc < c; cc++)
      for (let p = 0; p < h * w; p++) out[(p * c + cc) * o + oo] = data[oo * inputs + cc * h * w + p]!;
  return { shape: [inputs, o], data: out };
}
