/** Names of a file as paths of parameters: `layer1.0.conv1.weight` is /layer1/0/conv1/weight. */
import type { Naming, Node } from '../graph.ts';
import { sizeOf } from '../values/host-array.ts';

/** Names that exporters make up: they say nothing. */
const madeUp =
  /^onnx::|^const\/|^(val_)?\d+$|(^|[/_.])(Constant|const_fold|fill_constant|assign)|_output_\d+$|^p2o\.|^auto\.|initializer/i;

/** What PyTorch calls the results of operations on constants that it has computed: grids of anchors, tables of angles. */
const results =
  /^_?(to_copy|clone|detach|view|reshape|expand|permute|transpose|unsqueeze|squeeze|select|slice|split|unbind|cat|stack|repeat|add|sub|rsub|mul|div|neg|pow|exp|log|sqrt|reciprocal|cos|sin|outer|arange|linspace|full|ones|zeros|triu|tril|where|index|unsafe_view|convert_element_type)(_\d+)?$/;

const isMadeUp = (name: string): boolean => madeUp.test(name) || results.test(name);

/** Names have some ten parts; of a longer one the rest is one part. */
const mostSegments = 32;

/** A path of these segments, which is not too long. */
export function limited(segments: readonly string[]): string[] {
  const all = segments.filter((segment) => segment !== '');
  return all.length <= mostSegments
    ? all
    : [...all.slice(0, mostSegments - 1), all.slice(mostSegments - 1).join('_')];
}

const segmentsOf = (name: string): string[] => limited(name.split(/[./:\s]+/));

/** The path of the module that a node computes: what it is said to be, or its name without the operator, `/layer1/layer1.0/conv1/Conv`. */
function moduleOf(node: Node, index: number): string[] {
  if (node.scope !== null) return segmentsOf(node.scope);
  if (node.name.startsWith('#') || isMadeUp(node.name)) return [`${node.op.toLowerCase()}_${index}`];
  const parts = node.name.split('/').filter((part) => part !== '');
  const inner: string[] = [];
  parts.forEach((part, i) => {
    // PyTorch repeats the list's name before the number of its item.
    const before = parts[i - 1];
    const own = before !== undefined && part.startsWith(`${before}.`) ? part.slice(before.length + 1) : part;
    inner.push(...segmentsOf(own));
  });
  if (inner.length > 1 && inner.at(-1)!.startsWith(node.op)) inner.pop();
  return inner;
}

/** The names that PyTorch and other exporters give. */
export const onnxNaming: Naming = {
  isMadeUp,
  segmentsOf,
  moduleOf,
  // A single number only under a name of several parts.
  isTrained: (name, shape) => sizeOf(shape) > 1 || /[./]/.test(name),
};

/** A tree of names, in which every parameter has a place of its own. */
export class PathTree {
  readonly #root = new Map<string, Branch>();
  /** How far equal names were numbered, by where they lie. */
  readonly #counts = new WeakMap<Map<string, Branch>, Map<string, number>>();
  readonly #taken: (segment: string) => boolean;
  readonly #naming: Naming;

  /** @param taken names that links need themselves: such a name gets an underscore behind it. */
  constructor(naming: Naming, taken: (segment: string) => boolean) {
    this.#naming = naming;
    this.#taken = taken;
  }

  /** The path for a name of the file; where the name says nothing, one after the node that uses it. */
  add(name: string, user: { node: Node; index: number; slot: string } | null): string[] {
    const naming = this.#naming;
    const said = naming.isMadeUp(name) ? [] : naming.segmentsOf(name);
    const wanted =
      said.length > 0 || user === null ? said : [...naming.moduleOf(user.node, user.index), user.slot];
    return this.#place(wanted.length > 0 ? wanted : ['constant']);
  }

  #clean(segment: string): string {
    return this.#taken(segment) ? `${segment}_` : segment;
  }

  #place(wanted: readonly string[]): string[] {
    const path: string[] = [];
    let branch = this.#root;
    wanted.forEach((segment, depth) => {
      const last = depth === wanted.length - 1;
      let name = this.#clean(segment);
      // The count goes on where it stopped: a thousand names may come to one path.
      const counts = this.#counts.get(branch) ?? new Map<string, number>();
      this.#counts.set(branch, counts);
      for (let i = counts.get(segment) ?? 1; ; i++) {
        const found = branch.get(name);
        if (found === undefined || (!last && found !== null)) break;
        name = this.#clean(`${segment}_${i}`);
        counts.set(segment, i);
      }
      path.push(name);
      if (last) {
        branch.set(name, null);
        return;
      }
      const next = branch.get(name) ?? new Map<string, Branch>();
      branch.set(name, next);
      branch = next;
    });
    return path;
  }
}

/** What lies under a name: more names, or a parameter. */
type Branch = Map<string, Branch> | null;
