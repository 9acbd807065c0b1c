/** Chains of nodes that stand for one operator, as exporters write what their version of ONNX has not. */
import type { Graph, Node } from '../graph.ts';
import { ruleOf } from '../ops/table.ts';
import type { HostArray } from '../values/host-array.ts';
import { addTo } from './lists.ts';
import type { Ruled } from './program.ts';

/** Who takes and gives each value. */
class Takers {
  readonly #takers = new Map<string, Ruled[]>();
  readonly #givers = new Map<string, Node>();

  constructor(
    nodes: readonly Ruled[],
    readonly outputs: ReadonlySet<string>,
  ) {
    for (const ruled of nodes) {
      for (const name of new Set(ruled.node.inputs)) addTo(this.#takers, name, ruled);
      for (const name of ruled.node.outputs) this.#givers.set(name, ruled.node);
    }
  }

  /** The node that gives a value; null where it comes from outside. */
  giver(name: string): Node | null {
    return this.#givers.get(name) ?? null;
  }

  /** The one node that takes a value, if it is of an operator and nobody else does. */
  only(name: string, ...ops: string[]): Node | null {
    const takers = this.#takers.get(name) ?? [];
    const [taker] = takers;
    if (takers.length !== 1 || taker === undefined || this.outputs.has(name)) return null;
    return ops.includes(taker.node.op) ? taker.node : null;
  }
}

/** The one number that a constant holds, or null. */
function numberOf(name: string | undefined, constants: ReadonlyMap<string, HostArray>): number | null {
  const array = constants.get(name ?? '');
  return array?.data.length === 1 ? array.data[0]! : null;
}

/** Splits the inputs of a node of two into the one of that name and the other. */
const otherOf = (node: Node, name: string) => (node.inputs[0] === name ? node.inputs[1]! : node.inputs[0]!);

const close = (a: number | null, b: number) => a !== null && Math.abs(a - b) < 1e-6;

/** The bounds of a Clip, attributes or constants. */
export function bounds(node: Node, constants: ReadonlyMap<string, HostArray>): [number, number] {
  const attribute = (name: string, none: number) => {
    const found = node.attributes.get(name);
    return found?.kind === 'float' ? found.value : none;
  };
  const low = numberOf(node.inputs[1], constants) ?? attribute('min', Number.NEGATIVE_INFINITY);
  const high = numberOf(node.inputs[2], constants) ?? attribute('max', Number.POSITIVE_INFINITY);
  return [low, high];
}

/** x * clip(x + 3, 0, 6) / 6, however it is written: the node that ends it, and the nodes that it replaces. */
function hardSwish(
  add: Node,
  near: Takers,
  constants: ReadonlyMap<string, HostArray>,
): { out: Node; x: string; all: Node[] } | null {
  if (add.op !== 'Add' || add.inputs.length !== 2) return null;
  const three = add.inputs.findIndex((name) => close(numberOf(name, constants), 3));
  if (three < 0) return null;
  const x = add.inputs[1 - three]!;
  const clip = near.only(add.outputs[0]!, 'Clip');
  if (clip === null) return null;
  const [low, high] = bounds(clip, constants);
  if (low !== 0 || high !== 6) return null;
  const scales = (node: Node, of: string) =>
    (node.op === 'Div' && node.inputs[0] === of && close(numberOf(node.inputs[1], constants), 6)) ||
    (node.op === 'Mul' && close(numberOf(otherOf(node, of), constants), 1 / 6));
  const first = near.only(clip.outputs[0]!, 'Mul', 'Div');
  if (first === null) return null;
  if (first.op === 'Mul') {
    // TensorFlow's: (x / 6) * clip.
    const sixth = near.giver(otherOf(first, clip.outputs[0]!));
    if (
      sixth !== null &&
      near.only(sixth.outputs[0]!, 'Mul') === first &&
      sixth.inputs.includes(x) &&
      scales(sixth, x)
    )
      return { out: first, x, all: [add, clip, sixth, first] };
  }
  const second = near.only(first.outputs[0]!, 'Mul', 'Div');
  if (second === null) return null;
  const times = (node: Node, of: string) =>
    node.op === 'Mul' && otherOf(node, of) === x && node.inputs.includes(of);
  const ok =
    (times(first, clip.outputs[0]!) && scales(second, first.outputs[0]!)) ||
    (scales(first, clip.outputs[0]!) && times(second, first.outputs[0]!));
  return ok ? { out: second, x, all: [add, clip, first, second] } : null;
}

/** A product with a matrix of constants, and the vector of constants that is added to it: one layer. */
function biased(
  node: Node,
  near: Takers,
  constants: ReadonlyMap<string, HostArray>,
): { out: Node; bias: string } | null {
  if (node.inputs.length !== 2 || !constants.has(node.inputs[1]!)) return null;
  const add = near.only(node.outputs[0]!, 'Add');
  if (add === null || add.inputs.length !== 2 || add.inputs[0] === add.inputs[1]) return null;
  const bias = otherOf(add, node.outputs[0]!);
  const weight = constants.get(node.inputs[1]!)!;
  const array = constants.get(bias);
  if (array === undefined) return null;
  const long = array.shape.filter((n) => n !== 1);
  if (node.op === 'MatMul') {
    const columns = weight.shape.at(-1);
    return weight.shape.length === 2 && array.shape.length === 1 && array.shape[0] === columns
      ? { out: add, bias }
      : null;
  }
  // Conv: one value a channel, as (1, C, 1, 1) or (C, 1, 1).
  const [channels] = weight.shape;
  const spatial = weight.shape.length - 2;
  const at = array.shape.length - 1 - spatial;
  const fits =
    array.data.length === channels &&
    (at === 0 || at === 1) &&
    array.shape[at] === channels &&
    long.length <= 1;
  return fits ? { out: add, bias } : null;
}

export function rewrite(
  nodes: readonly Ruled[],
  constants: ReadonlyMap<string, HostArray>,
  graph: Graph,
): Ruled[] {
  const near = new Takers(nodes, new Set(graph.outputs.map(({ name }) => name)));
  const gone = new Set<Node>();
  /** What stands in the place of the node that ends a chain. */
  const instead = new Map<Node, Ruled>();
  for (const { node, rule } of nodes) {
    if (gone.has(node)) continue;
    const swish = hardSwish(node, near, constants);
    if (swish !== null) {
      for (const each of swish.all) gone.add(each);
      const one: Node = {
        ...swish.out,
        op: 'HardSwish',
        domain: '',
        inputs: [swish.x],
        attributes: new Map(),
      };
      instead.set(swish.out, { node: one, rule: ruleOf('HardSwish', '', 14)! });
      continue;
    }
    if (node.op !== 'MatMul' && node.op !== 'Conv') continue;
    const layer = biased(node, near, constants);
    if (layer === null) continue;
    gone.add(node).add(layer.out);
    const one: Node = { ...node, inputs: [...node.inputs, layer.bias], outputs: layer.out.outputs };
    instead.set(layer.out, { node: one, rule });
  }
  return nodes.flatMap((ruled) => instead.get(ruled.node) ?? (gone.has(ruled.node) ? [] : [ruled]));
}
