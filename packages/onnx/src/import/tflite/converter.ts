/** A TFLite network as TensorFlow's graph, which `translate` knows: operators get their old names and layouts back. */
import { elementCount, FormatError, type NamedArray, toFloat32Array } from '@chaingrad/core';
import type { TfliteGraph, TfliteOperator, TfliteTensor } from '@chaingrad/weights';
import { UnsupportedForm, UnsupportedOperatorError } from '../errors.ts';
import { Attributes, type GraphDef, type Ref, type Signed, type TfNode } from '../tfjs/graph-def.ts';
import { nameOfCode, tfliteTranslations, typeNames } from './operators.ts';

/** Attributes as GraphDef's JSON has them. */
export type AttributeJson = Readonly<Record<string, unknown>>;

export interface Converted {
  readonly graph: GraphDef;
  readonly arrays: ReadonlyMap<string, NamedArray>;
}

/** Writes one operator of TFLite as nodes of TensorFlow. */
export class TfliteConverter {
  readonly nodes = new Map<string, TfNode>();
  readonly arrays = new Map<string, NamedArray>();
  readonly #refs = new Map<number, Ref>();
  #operator!: TfliteOperator;

  constructor(
    readonly tflite: TfliteGraph,
    readonly file: string,
  ) {}

  get tensors(): readonly TfliteTensor[] {
    return this.tflite.tensors;
  }

  // ---- what an operator has ---------------------------------------------------------------------------------------

  /** Whether the operator has an input there. */
  has(index: number): boolean {
    return (this.#operator.inputs[index] ?? -1) >= 0;
  }

  #input(index: number): number {
    const tensor = this.#operator.inputs[index] ?? -1;
    if (tensor < 0)
      throw new FormatError(
        { file: this.file, key: nameOfCode(this.#operator) },
        `an input ${index}`,
        `${this.#operator.inputs.length} inputs`,
      );
    return tensor;
  }

  tensor(index: number): TfliteTensor {
    return this.tensors[this.#input(index)]!;
  }

  get outputTensor(): TfliteTensor {
    return this.tensors[this.#operator.outputs[0] ?? -1]!;
  }

  get inputCount(): number {
    return this.#operator.inputs.length;
  }

  get outputCount(): number {
    return this.#operator.outputs.length;
  }

  /** A field of the options, each with the schema's default. */
  int(field: number, fallback = 0): number {
    return this.#operator.options?.int32(field, fallback) ?? fallback;
  }

  byte(field: number, fallback = 0): number {
    return this.#operator.options?.int8(field, fallback) ?? fallback;
  }

  ints(field: number): number[] {
    return this.#operator.options?.int32s(field) ?? [];
  }

  float(field: number, fallback: number): number {
    return this.#operator.options?.float32(field, fallback) ?? fallback;
  }

  /** An input as it is. */
  ref(index: number): Ref {
    return this.#refOf(this.#input(index));
  }

  refs(): Ref[] {
    return this.#operator.inputs.map((_, i) => this.ref(i));
  }

  /** A constant input in another order or shape: a filter. @throws UnsupportedForm when it is computed. */
  filter(index: number, form: string, turn: (array: NamedArray) => NamedArray): Ref {
    const array = this.constant(index);
    if (array === null) throw new UnsupportedForm('a layer with computed weights.');
    const { name } = this.tensor(index);
    const own = `${name === '' ? 'weights' : name}#${this.#input(index)}${form}`;
    if (!this.nodes.has(own)) this.#const(own, turn(array));
    return { node: own, index: 0 };
  }

  /** The values of a constant, what an operator only turns into float32 too; else null. */
  constant(index: number): NamedArray | null {
    const tensor = this.tensor(index);
    if (tensor.constant !== null) return tensor.constant;
    let { node } = this.ref(index);
    for (let i = 0; i < 64 && this.nodes.get(node)?.op === 'Identity'; i++)
      node = this.nodes.get(node)!.inputs[0]!.node;
    return this.arrays.get(node) ?? null;
  }

  // ---- what is written --------------------------------------------------------------------------------------------

  #unique(name: string): string {
    let own = name;
    for (let i = 1; this.nodes.has(own); i++) own = `${name}_${i}`;
    return own;
  }

  #const(name: string, array: NamedArray): Ref {
    // What is float16 in the file is computed in float32.
    const own =
      array.dtype === 'float16'
        ? {
            ...array,
            dtype: 'float32' as const,
            data: toFloat32Array(array, { file: this.file, key: name }),
          }
        : array;
    this.arrays.set(name, own);
    this.nodes.set(name, this.#node(name, 'Const', [], { dtype: { type: typeNames[own.dtype] } }));
    return { node: name, index: 0 };
  }

  #node(name: string, op: string, inputs: readonly Ref[], attributes: AttributeJson): TfNode {
    return { name, op, inputs, attributes: new Attributes(attributes, { file: this.file, key: name }) };
  }

  /** A constant that the file does not have. */
  list(values: readonly number[], shape: readonly number[] = [values.length]): Ref {
    return this.#const(this.#unique('Const'), { dtype: 'int32', shape, data: Int32Array.from(values) });
  }

  number(value: number): Ref {
    return this.#const(this.#unique('Const'), { dtype: 'float32', shape: [], data: Float32Array.of(value) });
  }

  /** A node between, named after what the operator gives. */
  emit(op: string, inputs: readonly Ref[], attributes: AttributeJson = {}): Ref {
    const name = this.#unique(`${this.outputTensor.name}/${op}`);
    this.nodes.set(name, this.#node(name, op, inputs, attributes));
    return { node: name, index: 0 };
  }

  /** The node that gives what the operator gives. */
  give(op: string, inputs: readonly Ref[] = this.refs(), attributes: AttributeJson = {}): void {
    const name = this.#unique(this.outputTensor.name || op);
    this.nodes.set(name, this.#node(name, op, inputs, attributes));
    this.#operator.outputs.forEach((tensor, index) => {
      this.#refs.set(tensor, { node: name, index });
    });
  }

  /** As `give`, of an operator that has an activation in its options. */
  giveActive(activation: number, op: string, inputs?: readonly Ref[], attributes: AttributeJson = {}): void {
    const after = activationOf(activation);
    if (after === null) this.give(op, inputs, attributes);
    else if (after === 'ReluN1To1')
      this.give('ClipByValue', [
        this.emit(op, inputs ?? this.refs(), attributes),
        this.number(-1),
        this.number(1),
      ]);
    else this.give(after, [this.emit(op, inputs ?? this.refs(), attributes)]);
  }

  /** What `fused_ops` of a layer says: bias and activation. */
  fused(bias: boolean, activation: number): AttributeJson {
    const after = activationOf(activation);
    if (after === 'ReluN1To1') throw new UnsupportedForm('a layer with the activation RELU_N1_TO_1.');
    const ops = [...(bias ? ['BiasAdd'] : []), ...(after === null ? [] : [after])];
    return { fused_ops: { list: { s: ops.map((op) => btoa(op)) } } };
  }

  #refOf(tensor: number): Ref {
    const known = this.#refs.get(tensor);
    if (known !== undefined) return known;
    const { name, constant } = this.tensors[tensor]!;
    if (constant === null)
      throw new FormatError(
        { file: this.file, key: name },
        'an array that an operator before has made',
        'one that none has made',
      );
    const ref = this.#const(this.#unique(name === '' ? 'Const' : name), constant);
    this.#refs.set(tensor, ref);
    return ref;
  }

  // ---- the whole --------------------------------------------------------------------------------------------------

  convert(): Converted {
    const { inputs, outputs, operators, description } = this.tflite;
    this.#refuse();
    const doors = inputs.map((tensor): Signed => {
      const { name, shape, dtype } = this.tensors[tensor]!;
      const own = this.#unique(name === '' ? 'input' : name);
      const attributes = {
        dtype: { type: typeNames[dtype ?? 'float32'] },
        shape: { shape: { dim: shape.map((size) => ({ size })) } },
      };
      this.nodes.set(own, this.#node(own, 'Placeholder', [], attributes));
      this.#refs.set(tensor, { node: own, index: 0 });
      return { key: own, ref: { node: own, index: 0 } };
    });
    for (const operator of operators) {
      this.#operator = operator;
      if (operator.outputs.length === 0)
        throw new FormatError({ file: this.file, key: nameOfCode(operator) }, 'an output', 'none');
      try {
        tfliteTranslations[operator.code]!.write(this);
      } catch (error) {
        if (!(error instanceof UnsupportedForm)) throw error;
        const place = { file: this.file, node: this.outputTensor.name, operator: nameOfCode(operator) };
        throw new UnsupportedOperatorError(place, `not imported is ${error.message}`);
      }
    }
    const graph: GraphDef = {
      file: this.file,
      nodes: this.nodes,
      inputs: doors,
      outputs: outputs.map((tensor) => ({ key: this.tensors[tensor]!.name, ref: this.#refOf(tensor) })),
      producer: description,
      metadata: new Map(),
    };
    return { graph, arrays: this.arrays };
  }

  /** @throws UnsupportedOperatorError for operators without a translation, all by name, and for networks of integers. */
  #refuse(): void {
    const { operators } = this.tflite;
    const missing = operators.filter(({ code }) => tfliteTranslations[code] === undefined);
    const place = (operator: TfliteOperator) => ({
      file: this.file,
      node: this.tensors[operator.outputs[0] ?? -1]?.name ?? '',
      operator: nameOfCode(operator),
    });
    const [first] = missing;
    if (first !== undefined) {
      const others = [...new Set(missing.map(nameOfCode))].filter((name) => name !== nameOfCode(first));
      throw new UnsupportedOperatorError(
        place(first),
        `this operator of TFLite is not imported.${others.length > 0 ? ` Nor are ${others.join(', ')}.` : ''}`,
      );
    }
    const isQuantized = (tensor: number) =>
      this.tensors[tensor]!.quantized && this.tensors[tensor]!.constant === null;
    const integer = operators.find(({ outputs }) => outputs.some(isQuantized));
    if (integer !== undefined)
      throw new UnsupportedOperatorError(
        place(integer),
        'networks that compute in quantized integers are not imported.',
        'Convert the model with float weights (float16, or integers that are dequantized, are read).',
      );
    for (const { shape, name } of this.tensors)
      if (shape.every((n) => n >= 0)) elementCount(shape, { file: this.file, key: name });
  }
}

const activationOf = (activation: number): string | null => {
  switch (activation) {
    case 0:
      return null;
    case 1:
      return 'Relu';
    case 2:
      return 'ReluN1To1';
    case 3:
      return 'Relu6';
    case 4:
      return 'Tanh';
    default:
      throw new UnsupportedForm(`activation ${activation}.`);
  }
};
