/** The arrays and operators of a TFLite graph. Numbers of operators and options are those of TensorFlow's schema.fbs. */
import { Constant, type ConstantData, type GraphType } from '../export/constant.ts';
import { isFixed } from '../export/dims.ts';
import { OnnxExportError } from '../export/errors.ts';
import type { GraphValue } from '../export/merge.ts';
import { byte, bytes, type FlatField, type FlatTable, int, ints, table, tables, text } from './flatbuffer.ts';

/** What an operator does to its result by itself. */
export const ACTIVATIONS = { none: 0, relu: 1, relu6: 3 } as const;
export type Activation = keyof typeof ACTIVATIONS;

export const ELEMENT_TYPES: Partial<Record<GraphType, number>> = { float32: 0, int32: 2, bool: 6 };

/** Options of an operator: their number in the union, and the table, given the activation. */
export interface Options {
  readonly type: number;
  readonly make: (activation: number) => FlatTable;
  /** Whether the operator has an activation of its own. */
  readonly activates?: boolean;
}

interface Operator {
  readonly code: number;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly options: Options | null;
  activation: Activation;
}

export class TfliteEmitter {
  readonly #tensors: {
    name: string;
    shape: readonly number[];
    dtype: GraphType;
    constant: Constant | null;
  }[] = [];
  readonly #operators: Operator[] = [];
  readonly #values = new Map<GraphValue, number>();
  readonly #constants = new Map<Constant, number>();
  readonly #names = new Set<string>();

  constructor(
    /** Of the link whose kernel is being translated. */
    public path: string,
    private readonly folded: ReadonlyMap<GraphValue, Constant>,
    private readonly uses: ReadonlyMap<GraphValue, number>,
  ) {}

  fail(detail: string): OnnxExportError {
    return new OnnxExportError(this.path, detail);
  }

  #tensor(name: string, shape: readonly number[], dtype: GraphType, constant: Constant | null): number {
    let unique = name;
    for (let i = 1; this.#names.has(unique); i++) unique = `${name}_${i}`;
    this.#names.add(unique);
    if (ELEMENT_TYPES[dtype] === undefined)
      throw this.fail(`arrays of ${dtype} have no place in a TFLite file.`);
    return this.#tensors.push({ name: unique, shape, dtype, constant }) - 1;
  }

  shape(value: GraphValue): number[] {
    if (!isFixed(value.shape)) throw this.fail('its sizes vary.');
    return value.shape;
  }

  constantOf(value: GraphValue | undefined): Constant | null {
    return value === undefined ? null : (value.constant ?? this.folded.get(value) ?? null);
  }

  /** The number of an array. */
  index(value: GraphValue): number {
    const known = this.#values.get(value);
    if (known !== undefined) return known;
    const constant = this.constantOf(value);
    if (constant === null) throw this.fail('an array that no kernel made is used.');
    return this.constant(constant);
  }

  constant(constant: Constant): number {
    const known = this.#constants.get(constant);
    if (known !== undefined) return known;
    const made = this.#tensor(constant.label ?? 'const', constant.shape, constant.dtype, constant);
    this.#constants.set(constant, made);
    return made;
  }

  ints(values: readonly number[], shape: readonly number[] = [values.length]): number {
    return this.constant(Constant.of('int32', shape, Int32Array.from(values)));
  }

  number(value: number): number {
    return this.constant(Constant.of('float32', [], Float32Array.of(value)));
  }

  input(name: string, value: GraphValue): number {
    const made = this.#tensor(name, this.shape(value), value.dtype, null);
    this.#values.set(value, made);
    return made;
  }

  /** Adds an operator whose result has no kernel of its own. */
  step(
    code: number,
    inputs: readonly number[],
    shape: readonly number[],
    options: Options | null = null,
    dtype: GraphType = 'float32',
  ): number {
    const output = this.#tensor(this.#nameOf(code), shape, dtype, null);
    this.#operators.push({ code, inputs, outputs: [output], options, activation: 'none' });
    return output;
  }

  /** Adds the operator that makes all results of a kernel. */
  parts(code: number, inputs: readonly number[], results: readonly GraphValue[], options: Options): void {
    const outputs = results.map((result) => {
      const index = this.#tensor(this.#nameOf(code), this.shape(result), result.dtype, null);
      this.#values.set(result, index);
      return index;
    });
    this.#operators.push({ code, inputs, outputs, options, activation: 'none' });
  }

  #nameOf(code: number): string {
    return `${this.path === '/' ? '' : this.path}/${code}`;
  }

  /** Adds the operator that makes a kernel's result. */
  op(code: number, inputs: readonly number[], result: GraphValue, options: Options | null = null): void {
    this.#values.set(result, this.step(code, inputs, this.shape(result), options, result.dtype));
  }

  /** Lets a result be another one. */
  alias(result: GraphValue, value: number): void {
    this.#values.set(result, value);
  }

  /** Puts an activation into the operator that made the value, if nobody else sees it and it has none. */
  fuse(value: GraphValue, activation: Activation, result: GraphValue): boolean {
    const index = this.#values.get(value);
    const maker = this.#operators.find(({ outputs }) => outputs[0] === index);
    if (maker?.options?.activates !== true || maker.activation !== 'none' || this.uses.get(value) !== 1)
      return false;
    maker.activation = activation;
    this.alias(result, index!);
    return true;
  }

  /** The last operator activates by itself. */
  activate(result: GraphValue, activation: Activation): void {
    const index = this.#values.get(result);
    this.#operators.find(({ outputs }) => outputs[0] === index)!.activation = activation;
  }

  /** Gives an array another name. */
  rename(index: number, name: string): void {
    this.#tensors[index]!.name = name;
  }

  /** The file's root. */
  async model(
    inputs: readonly number[],
    outputs: readonly number[],
    description: string,
  ): Promise<FlatTable> {
    const codes = [...new Set(this.#operators.map(({ code }) => code))];
    // The first buffer is empty: arrays that are computed name it.
    const buffers: FlatTable[] = [table()];
    const tensors: FlatTable[] = [];
    for (const { name, shape, dtype, constant } of this.#tensors) {
      const data = constant === null ? null : bytesOf(await constant.read());
      const buffer = data === null ? 0 : buffers.push(table(bytes(data))) - 1;
      tensors.push(table(ints(shape), byte(ELEMENT_TYPES[dtype]!), int(buffer), text(name)));
    }
    const operators = this.#operators.map(({ code, inputs, outputs, options, activation }) =>
      table(
        int(codes.indexOf(code)),
        ints(inputs),
        ints(outputs),
        options === null ? null : byte(options.type),
        options === null ? null : options.make(ACTIVATIONS[activation]),
      ),
    );
    const graph = table(tables(tensors), ints(inputs), ints(outputs), tables(operators), text('main'));
    // Readers of old look for the number in a byte, new ones in an integer.
    const operatorCodes: FlatField = tables(
      codes.map((code) => table(byte(Math.min(code, 127)), null, int(1), int(code))),
    );
    return table(int(3), operatorCodes, tables([graph]), text(description), tables(buffers));
  }
}

const bytesOf = (data: ConstantData) =>
  new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
