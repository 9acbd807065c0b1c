/** From the graph of a file to a program: what is a parameter, what is folded, what is one step. */
import { FormatError, listNames, UnknownNameError } from '@chaingrad/core';
import { UnsupportedOperatorError } from '../errors.ts';
import type { Graph, Naming, Node } from '../graph.ts';
import { Call, type Rule } from '../ops/rule.ts';
import { ruleOf } from '../ops/table.ts';
import { extentOf, type HostArray, isFloat, spend, withBudget } from '../values/host-array.ts';
import { Value } from '../values/value.ts';
import { fuse } from './fuse.ts';
import { addTo } from './lists.ts';
import { PathTree } from './names.ts';
import {
  inputsOf,
  type NodeStep,
  outputsOf,
  type Program,
  type Ruled,
  type Step,
  type Weight,
} from './program.ts';
import { rewrite } from './rewrite.ts';

/**
 * How many elements folding may read and make in all: a file of a few bytes can ask for any number. Weights that are integers, or
 * the other way round, take some steps for each of their elements; grids and tables of positions come on top.
 */
const foldingBudget = (constants: Iterable<HostArray>): number => {
  let elements = 0;
  for (const { data } of constants) elements += data.length;
  return 2 ** 16 + 8 * elements;
};

/** @throws UnsupportedOperatorError that names the first node without a rule, and the other operators that lack one. */
function withRules(graph: Graph): Ruled[] {
  const find = ({ op, domain }: Node) =>
    domain === '' ? ruleOf(op, domain, graph.opset) : (graph.rules?.[op] ?? null);
  const missing = graph.nodes.filter((node) => find(node) === null);
  const first = missing[0];
  if (first !== undefined) {
    const full = ({ op, domain }: Node) => (domain === '' ? op : `${domain}.${op}`);
    const others = [...new Set(missing.map(full))].filter((op) => op !== full(first));
    throw new UnsupportedOperatorError(
      { file: graph.file, node: first.name, operator: full(first) },
      `operator ${full(first)} of opset ${graph.opset} is not imported.${others.length > 0 ? ` Nor are ${listNames(others)}.` : ''}`,
    );
  }
  return graph.nodes.map((node) => ({ node, rule: find(node)! }));
}

/** How a constant is used. */
interface Use {
  readonly node: Node;
  readonly index: number;
  readonly rule: Rule;
  readonly input: number;
}

function usesOf(nodes: readonly Ruled[]): Map<string, Use[]> {
  const uses = new Map<string, Use[]>();
  nodes.forEach(({ node, rule }, index) => {
    node.inputs.forEach((name, input) => {
      if (name !== '') addTo(uses, name, { node, index, rule, input });
    });
  });
  return uses;
}

const isRead = ({ rule, input }: Use) => rule.reads === 'all' || (rule.reads?.includes(input) ?? false);
/** Whether a constant under a made-up name is what changes nothing there. */
const isNeutral = (array: HostArray, { rule, input }: Use) => {
  const value = rule.neutral?.[input];
  return value !== undefined && array.data.every((each) => each === value);
};
const slotOf = ({ rule, input }: Use) => rule.weights?.[input];

/**
 * Whether a constant is trained: it is in the place of a weight, or takes part in arithmetic under a name that tells where it
 * belongs. What is read on the host, and what exporters made up names for, is none.
 */
function weightKind(
  name: string,
  array: HostArray,
  uses: readonly Use[],
  naming: Naming,
): 'parameter' | 'statistic' | null {
  if (!isFloat(array.dtype) || uses.length === 0 || uses.some(isRead)) return null;
  if (uses.some(({ rule, input }) => rule.statistics?.includes(input))) return 'statistic';
  if (naming.isMadeUp(name) && uses.every((use) => isNeutral(array, use))) return null;
  if (uses.some((use) => slotOf(use) !== undefined)) return 'parameter';
  return !naming.isMadeUp(name) && naming.isTrained(name, array.shape) ? 'parameter' : null;
}

export interface PlanOptions {
  readonly layout: Program['layout'];
  /** Values to give in place of the file's outputs. */
  readonly outputs?: readonly string[] | undefined;
  /** Names that links need themselves. */
  readonly taken: (name: string) => boolean;
}

/** The program of a graph, and the values of its weights. */
export function plan(
  whole: Graph,
  options: PlanOptions,
): { program: Program; values: Map<string, HostArray> } {
  const graph = cutGraph(whole, options.outputs);
  const constants = new Map(graph.initializers);
  const ruled = rewrite(fetchConstants(withRules(graph), constants, graph), constants, graph);
  const uses = usesOf(ruled);
  const tree = new PathTree(graph.naming, options.taken);
  const weights = new Map<string, Weight>();
  const values = new Map<string, HostArray>();
  const adopt = (names: Iterable<string>) => {
    for (const name of names) {
      const array = constants.get(name)!;
      const own = uses.get(name) ?? [];
      const kind = weightKind(name, array, own, graph.naming);
      if (kind === null) continue;
      const user = own.find((use) => slotOf(use) !== undefined) ?? own[0]!;
      const path = tree.add(name, { node: user.node, index: user.index, slot: slotOf(user) ?? 'weight' });
      weights.set(name, { path, name, statistic: kind === 'statistic' });
      values.set(name, array);
      constants.delete(name);
    }
  };
  adopt([...constants.keys()]);
  const { rest, folded } = fold(ruled, constants, graph);
  // Weights that the file has transposed or as integers are weights once they are computed.
  adopt(folded.filter((name) => (uses.get(name) ?? []).some((use) => slotOf(use) !== undefined)));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const live = withoutDead(rest, outputs);
  const steps = fuse(withLayers(live, weights, outputs, usesOf(live)), outputs, constants);
  const needed = new Set([...outputs, ...live.flatMap(({ node }) => node.inputs)]);
  for (const name of constants.keys()) if (!needed.has(name)) constants.delete(name);
  const program: Program = {
    file: graph.file,
    producer: graph.producer,
    opset: graph.opset,
    inputs: graph.inputs,
    outputs: graph.outputs,
    metadata: graph.metadata,
    layout: options.layout,
    constants,
    weights,
    steps,
    last: lastUses(steps, outputs),
  };
  return { program, values };
}

/** Runs the nodes that only hold a constant, whatever its size: nothing is made that the file does not have. */
function fetchConstants(nodes: Ruled[], constants: Map<string, HostArray>, graph: Graph): Ruled[] {
  return nodes.filter(({ node, rule }) => {
    if (node.op !== 'Constant' || node.inputs.length > 0) return true;
    const value = rule.run(new Call(node, graph.opset, [])) as Value;
    const [name] = node.outputs;
    if (name === undefined || value.hostArray === null)
      throw new FormatError(
        { file: graph.file, key: node.name },
        'a constant with a name and a value',
        'none',
      );
    constants.set(name, value.hostArray);
    return false;
  });
}

/** Computes on the host what depends on constants only. What fails here fails in its place when the network runs. */
function fold(nodes: readonly Ruled[], constants: Map<string, HostArray>, graph: Graph) {
  const folded: string[] = [];
  const rest = withBudget(foldingBudget(constants.values()), () =>
    nodes.filter(({ node, rule }) => {
      if (!rule.folds || !node.inputs.every((name) => name === '' || constants.has(name))) return true;
      const inputs = node.inputs.map((name) => (name === '' ? null : Value.host(constants.get(name)!)));
      try {
        // Reading costs as writing does: a thousand nodes may read one large array.
        for (const value of inputs) spend(value === null ? 0 : extentOf(value.shape) + value.rank);
        const outputs = [rule.run(new Call(node, graph.opset, inputs))].flat() as Value[];
        if (!outputs.every((value) => value.constant !== null)) {
          for (const value of outputs) value.dispose();
          return true;
        }
        node.outputs.forEach((name, i) => {
          if (name === '') return;
          constants.set(name, outputs[i]!.constant!);
          folded.push(name);
        });
        return false;
      } catch {
        return true;
      }
    }),
  );
  return { rest, folded };
}

/**
 * The part of a graph that gives other values than its outputs. What they do not need is gone, with its inputs and arrays.
 * @throws UnknownNameError when the graph has no such value.
 */
function cutGraph(graph: Graph, wanted: readonly string[] | undefined): Graph {
  const nodes = withoutDead(
    graph.nodes.map((node) => ({ node })),
    new Set(wanted ?? graph.outputs.map(({ name }) => name)),
  ).map(({ node }) => node);
  if (wanted === undefined) return { ...graph, nodes };
  const given = graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== '');
  const unknown = wanted.find((name) => !given.includes(name));
  if (unknown !== undefined || wanted.length === 0)
    throw new UnknownNameError(`importOnnx outputs (${graph.file})`, unknown ?? '(none)', given.slice(-20));
  const outputs = wanted.map((name) => ({ name, dtype: 'float32', shape: null }) as const);
  const needed = new Set(nodes.flatMap(({ inputs }) => inputs));
  return { ...graph, nodes, outputs, inputs: graph.inputs.filter(({ name }) => needed.has(name)) };
}

/** Leaves out what no output needs. */
function withoutDead<T extends { readonly node: Node }>(
  nodes: readonly T[],
  outputs: ReadonlySet<string>,
): T[] {
  const needed = new Set(outputs);
  return nodes
    .toReversed()
    .filter(({ node }) => {
      if (!node.outputs.some((name) => needed.has(name))) return false;
      for (const name of node.inputs) needed.add(name);
      return true;
    })
    .toReversed();
}

/** Makes a link of each node whose weights are its alone and lie together under one name. */
function withLayers(
  nodes: readonly Ruled[],
  weights: ReadonlyMap<string, Weight>,
  outputs: ReadonlySet<string>,
  uses: ReadonlyMap<string, readonly Use[]>,
): NodeStep[] {
  const members = new Map<string, number>();
  for (const { path } of weights.values())
    path.forEach((_, depth) => {
      const key = path.slice(0, depth).join('/');
      members.set(key, (members.get(key) ?? 0) + 1);
    });
  return nodes.map(({ node, rule }) => {
    const step = { kind: 'node', node, rule, layer: null } as const;
    const own = node.inputs.flatMap((name, i) =>
      rule.weights?.[i] !== undefined && weights.has(name) ? [weights.get(name)!] : [],
    );
    const [first, ...others] = node.inputs;
    const parent = own[0]?.path.slice(0, -1) ?? [];
    const together = own.every(
      ({ path }) => path.length === parent.length + 1 && parent.every((s, i) => s === path[i]),
    );
    const alone =
      own.length > 0 &&
      own.every(({ name }) => uses.get(name)!.length === 1 && !outputs.has(name)) &&
      members.get(parent.join('/')) === own.length;
    const simple =
      others.every((name) => name === '' || weights.has(name)) &&
      others.filter((name) => name !== '').length === own.length &&
      first !== undefined &&
      !weights.has(first) &&
      node.outputs.slice(1).every((name) => name === '' || (!uses.has(name) && !outputs.has(name)));
    if (rule.layer === undefined || parent.length === 0 || !together || !alone || !simple) return step;
    return { ...step, layer: parent };
  });
}

function lastUses(steps: readonly Step[], outputs: ReadonlySet<string>): string[][] {
  const seen = new Set(outputs);
  return steps
    .toReversed()
    .map((step) => {
      const names = [...new Set([...inputsOf(step), ...outputsOf(step)])].filter(
        (name) => name !== '' && !seen.has(name),
      );
      for (const name of names) seen.add(name);
      return names;
    })
    .toReversed();
}
