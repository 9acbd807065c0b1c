/** jax-js on its wasm device: the one other JavaScript library that trains convolutions on WASM. */
import {
  defaultDevice,
  init,
  type Array as JaxArray,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from '@jax-js/jax';
import type { Graph } from '../models/graph.ts';
import { drawParam } from '../models/weights.ts';
import type { Runner, Side } from './side.ts';

type Params = Record<string, JaxArray>;

const LEARNING_RATE = 0.01;

/** The forward pass on (B, C, H, W). As jax-js wants it, every use of an array but the last takes a `.ref` of it. */
function run(graph: Graph, params: Params, x: JaxArray): JaxArray {
  let h = x;
  for (const node of graph.nodes) {
    if (node.op !== 'conv' && node.op !== 'dense') throw new Error(`jax-js: '${node.op}' is not measured`);
    const W = params[node.W]!;
    const b = params[node.b]!;
    if (node.op === 'conv') {
      const [top, bottom, left, right] = node.pad;
      const y = lax.convGeneralDilated(
        h,
        W,
        [node.stride, node.stride],
        [
          [top, bottom],
          [left, right],
        ],
      );
      h = y.add(b.reshape([1, node.shape[2], 1, 1]));
    } else h = np.matmul(h.reshape([h.shape[0]!, -1]), W.transpose()).add(b);
    if (node.act === 'relu') h = nn.relu(h);
  }
  return h;
}

export const jaxJs: Side = {
  async open(graph, { batch }): Promise<Runner> {
    const found = await init('wasm');
    if (!found.includes('wasm')) throw new Error('jax-js has no wasm device here');
    defaultDevice('wasm');
    let params: Params = {};
    for (const [name, shape] of graph.params)
      params[name] = np.array(drawParam(graph, name), { shape: [...shape] });
    const [h, w, c] = graph.input;
    let input = new Float32Array(0);
    const images = () => np.array(input, { shape: [batch, c, h, w] });
    const forward = jit((p: Params, x: JaxArray) => run(graph, p, x));
    // Every label is 0.
    const loss = (p: Params, x: JaxArray) =>
      nn
        .logSoftmax(run(graph, p, x), -1)
        .slice([], 0)
        .mean()
        .neg();
    const step = jit((p: Params, x: JaxArray) => valueAndGrad(loss)(p, x));
    return {
      info: 'its own choice of threads',
      code: 'WASM, compiled at run time',
      input(x) {
        const pixels = h * w;
        input = new Float32Array(x.length);
        for (let i = 0; i < x.length; i++) {
          const [image, rest] = [Math.floor(i / (pixels * c)), i % (pixels * c)];
          input[(image * c + (rest % c)) * pixels + Math.floor(rest / c)] = x[i]!;
        }
      },
      forward: async () => [(await forward(tree.ref(params), images()).data()) as Float32Array],
      async train() {
        const [value, grads] = step(tree.ref(params), images());
        const next: Params = {};
        for (const [name, param] of Object.entries(params))
          next[name] = param.sub(grads[name]!.mul(LEARNING_RATE));
        params = next;
        const number = (await value.data())[0];
        // The update is part of the step.
        await Promise.all(Object.values(params).map((param) => param.ref.blockUntilReady()));
        return Number(number);
      },
    };
  },
};
