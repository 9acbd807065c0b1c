/** How one operator is computed, and what its rule sees of a node. */
import { ChaingradError } from '@chaingrad/core';
import { UnsupportedForm } from '../errors.ts';
import type { Attribute, Node } from '../graph.ts';
import type { HostArray } from '../values/host-array.ts';
import type { Value } from '../values/value.ts';

/** The newest operators that the rules were written after. */
export const newestOpset = 25;

export interface Rule {
  /** The versions of ONNX' operators in which this one is computed as its definition says, e.g. '1-25'. */
  readonly opsets: readonly [first: number, last: number];
  /** Inputs that are read on the host: sizes, axes, bounds. */
  readonly reads?: readonly number[] | 'all';
  /** Inputs that are weights by nature, and what they are called where a file has no name for them. */
  readonly weights?: Readonly<Record<number, string>>;
  /** Values by input that change nothing: exporters write them where a network has no weights. */
  readonly neutral?: Readonly<Record<number, number>>;
  /** Weights that are running statistics: kept and saved, not trained. */
  readonly statistics?: readonly number[];
  /** Makes a link of a node whose weights nobody else uses: how its link takes and gives tensors. */
  readonly layer?: 'channels-last' | 'plain';
  /** Computes on the host where all inputs are there, so that constants fold. */
  readonly folds?: boolean;
  run(call: Call): Value | readonly Value[];
}

export type RuleTable = Readonly<Record<string, Rule>>;

/** What links and drops know of the network around them. */
export interface Surroundings {
  /** Takes the running statistics of a batch normalization that trains. */
  moveStatistics?(mean: Value, variance: Value): void;
}

/** One node at work. */
export class Call {
  constructor(
    readonly node: Node,
    readonly opset: number,
    readonly inputs: readonly (Value | null)[],
    readonly surroundings: Surroundings = {},
  ) {}

  /** @throws ChaingradError when the node does not have it. */
  input(index: number): Value {
    const value = this.inputs[index];
    if (value === null || value === undefined)
      throw new ChaingradError(`expected an input ${index}, got ${this.inputs.length} inputs.`);
    return value;
  }

  optional(index: number): Value | null {
    return this.inputs[index] ?? null;
  }

  /** An input that the rule reads on the host. */
  host(index: number): HostArray {
    return this.input(index).hostArray!;
  }

  /** The integers of an input on the host, or of the attribute that it was in older versions; null where both are absent. */
  ints(index: number, attribute: string): number[] | null {
    const value = this.optional(index);
    if (value !== null) return [...value.hostArray!.data];
    return this.intsOf(attribute);
  }

  /** The inputs on the host, or null where one of them is not there. */
  get constants(): HostArray[] | null {
    const all = this.inputs.map((value) => value?.constant ?? null);
    return all.length > 0 && all.every((array): array is HostArray => array !== null) ? all : null;
  }

  #get<K extends Attribute['kind']>(name: string, ...kinds: K[]): (Attribute & { readonly kind: K }) | null {
    const found = this.node.attributes.get(name);
    if (found === undefined) return null;
    if (!(kinds as string[]).includes(found.kind))
      throw new ChaingradError(
        `expected attribute '${name}' of kind ${kinds.join(' or ')}, got ${found.kind}.`,
      );
    return found as Attribute & { readonly kind: K };
  }

  has(name: string): boolean {
    return this.node.attributes.has(name);
  }

  int(name: string, fallback: number): number {
    return this.#get(name, 'int')?.value ?? fallback;
  }

  float(name: string, fallback: number): number {
    return this.#get(name, 'float', 'int')?.value ?? fallback;
  }

  string(name: string, fallback: string): string {
    return this.#get(name, 'string')?.value ?? fallback;
  }

  intsOf(name: string): number[] | null {
    const found = this.#get(name, 'ints');
    return found === null ? null : [...found.value];
  }

  floatsOf(name: string): number[] | null {
    const found = this.#get(name, 'floats', 'ints');
    return found === null ? null : [...found.value];
  }

  tensorOf(name: string): HostArray | null {
    return this.#get(name, 'tensor')?.value ?? null;
  }

  /** Throws: the operator has forms that this rule does not compute. */
  unsupported(detail: string): never {
    throw new UnsupportedForm(detail);
  }
}

/** An axis that may count from the end. @throws ChaingradError when it is out of range. */
export function axisOf(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= Math.max(rank, 1))
    throw new ChaingradError(`expected an axis in ${-rank}..${rank - 1}, got ${axis}.`);
  return axis < 0 ? axis + rank : axis;
}
