/** A network in ONNX' operators, checked and in plain types. */
import type { RuleTable } from './ops/rule.ts';
import type { Dtype, HostArray } from './values/host-array.ts';

/** What an attribute holds. */
export type Attribute =
  | { readonly kind: 'int' | 'float'; readonly value: number }
  | { readonly kind: 'ints' | 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: HostArray }
  | { readonly kind: 'other'; readonly value: null };

export interface Node {
  /** The name in the file, or `#` and its place in the list. */
  readonly name: string;
  readonly op: string;
  /** '' is ONNX' own. */
  readonly domain: string;
  /** Names of values; '' is an input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** The module that it computes, where the exporter says so: `layer1.0.conv1`. */
  readonly scope: string | null;
}

/** What goes in or out. */
export interface Door {
  readonly name: string;
  readonly dtype: Dtype;
  /** Numbers are fixed, names stand for open sizes, null is unknown; a null shape is unknown as a whole. */
  readonly shape: readonly (number | string | null)[] | null;
}

/** What the names of a file tell of where its arrays belong. */
export interface Naming {
  /** Whether an exporter made the name up: it says nothing. */
  isMadeUp(name: string): boolean;
  /** The parts of a name. */
  segmentsOf(name: string): string[];
  /** The parts of the name of the module that a node computes. */
  moduleOf(node: Node, index: number): string[];
  /** Whether an array that takes part in arithmetic under a name that is not made up is trained. */
  isTrained(name: string, shape: readonly number[]): boolean;
}

export interface Graph {
  readonly file: string;
  /** The version of ONNX' own operators. */
  readonly opset: number;
  readonly producer: string;
  readonly inputs: readonly Door[];
  readonly outputs: readonly Door[];
  /** Constants by name. */
  readonly initializers: ReadonlyMap<string, HostArray>;
  /** In an order in which each comes after what it needs. */
  readonly nodes: readonly Node[];
  /** The file's own keys and values. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly naming: Naming;
  /** Rules of operators that are not ONNX' own: of nodes that have a domain. */
  readonly rules?: RuleTable;
}
