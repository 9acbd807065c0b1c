/** Parameters and inputs that every side draws alike: they depend on names and shapes only. */
import type { Graph } from './graph.ts';

/** mulberry32: uniform in [0, 1). */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}

function uniform(seed: string, length: number, bound: number): Float32Array<ArrayBuffer> {
  const next = generator(hash(seed));
  const out = new Float32Array(length);
  for (let i = 0; i < length; i++) out[i] = (2 * next() - 1) * bound;
  return out;
}

/** Mean absolute value of the pixels that a network of this kind is fed. */
const PIXELS = 70;

/**
 * The values of one parameter. Weights keep the size of the activations (He et al., 2015), the first layer brings pixels to it;
 * heads are weaker, so that an SSD finds some objects and neither none nor thousands.
 */
export function drawParam(graph: Graph, name: string): Float32Array<ArrayBuffer> {
  const shape = graph.params.get(name);
  if (shape === undefined) throw new Error(`${graph.name} has no parameter '${name}'`);
  const length = shape.reduce((a, b) => a * b, 1);
  if (name.endsWith('/scale')) return new Float32Array(length).fill(20);
  if (shape.length === 1) return uniform(name, length, 0.1);
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
  const first = /(^|\/)conv(0|1|1_1|1_1\/conv)\/W$/.test(name) && shape[1] === 3;
  const gain = first ? 1 / PIXELS : name.startsWith('multibox/loc/') ? 0.5 : 1;
  return uniform(name, length, gain * Math.sqrt(6 / fanIn));
}

/** A batch of images minus their mean, (B, H, W, C). */
export function drawInput(graph: Graph, batch: number): Float32Array<ArrayBuffer> {
  const [h, w, c] = graph.input;
  return uniform(`input ${h}x${w}`, batch * h * w * c, 123);
}
