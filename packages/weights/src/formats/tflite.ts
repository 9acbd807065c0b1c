/**
 * The weights of a TFLite file, convolution by convolution in the order in which the model runs them.
 * Schema: tensorflow/compiler/mlir/lite/schema/schema.fbs (the numbers of fields and enumerations below are its own).
 */
import {
  arrayFromBytes,
  type BinaryDtype,
  elementCount,
  FormatError,
  type FormatPlace,
  itemSizes,
  type NamedArray,
  toFloat32Array,
} from '@chaingrad/core';
import { FlatBuffer, type FlatTable } from './flatbuffer.ts';

export type TfliteActivation = 'none' | 'relu' | 'relu6';

/** Values of a layer, turned into float32 where the file has float16. */
export interface Float32Values {
  readonly shape: readonly number[];
  readonly dtype: 'float32';
  readonly data: Float32Array<ArrayBuffer>;
}

/** A convolution with its weights. */
export interface TfliteConvolution {
  readonly kind: 'conv' | 'depthwise';
  /** The name of the op's output in the file, which tells which layer it was. */
  readonly name: string;
  /** conv: (out, kh, kw, in); depthwise: (1, kh, kw, channels). */
  readonly weights: Float32Values;
  readonly bias: Float32Values | null;
  readonly stride: readonly [y: number, x: number];
  readonly dilation: readonly [y: number, x: number];
  /** TensorFlow's: 'same' pads more at the bottom and right where the stride asks for it. */
  readonly padding: 'same' | 'valid';
  readonly activation: TfliteActivation;
}

export interface TfliteTensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface TfliteModel {
  readonly description: string;
  readonly inputs: readonly TfliteTensorInfo[];
  readonly outputs: readonly TfliteTensorInfo[];
  /** In the order of execution. */
  readonly convolutions: readonly TfliteConvolution[];
}

const opConv2D = 3;
const opDepthwiseConv2D = 4;
const opDequantize = 6;
const activations = new Map<number, TfliteActivation>([
  [0, 'none'],
  [1, 'relu'],
  [3, 'relu6'],
]);
const elementTypes = new Map<number, 'float32' | 'float16'>([
  [0, 'float32'],
  [1, 'float16'],
]);

/**
 * Reads the convolutions of a TFLite file. float16 weights behind DEQUANTIZE ops come out as float32.
 * @param bytes the flatbuffer; values of float32 may share its memory.
 * @throws FormatError when the file is damaged, quantized to integers, or has several subgraphs.
 */
export function readTflite(bytes: Uint8Array<ArrayBuffer>, file = 'tflite'): TfliteModel {
  return new TfliteReader(new FlatBuffer(bytes, file)).read();
}

/**
 * Every constant of a TFLite file that is made of numbers, by the name of its tensor. What goes through a DEQUANTIZE op comes
 * out as float32 under the name of what it was before; quantized integers come out as the numbers that they stand for.
 * @throws FormatError when the file is damaged, or two constants have one name.
 */
export function readTfliteConstants(
  bytes: Uint8Array<ArrayBuffer>,
  file = 'tflite',
): Map<string, NamedArray> {
  return new TfliteReader(new FlatBuffer(bytes, file)).constants();
}

/** The options of an operator: fields by their number in the schema, each with the schema's default. */
export type TfliteOptions = Pick<FlatTable, 'int8' | 'uint8' | 'int32' | 'int32s' | 'float32'>;

/** An operator of the graph as it stands in the file. */
export interface TfliteOperator {
  /** The number of the operator among those that are built in; 32 is one of its own kind. */
  readonly code: number;
  /** The name of one of its own kind, else ''. */
  readonly custom: string;
  /** Numbers of tensors; -1 is an input that is left out. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Null where the operator has none. */
  readonly options: TfliteOptions | null;
}

/** An array of the graph. */
export interface TfliteTensor extends TfliteTensorInfo {
  /** Sizes that are open are -1. */
  readonly shape: readonly number[];
  /** Null for strings and other values that are no plain numbers. */
  readonly dtype: BinaryDtype | null;
  /** Whether its integers stand for other numbers. */
  readonly quantized: boolean;
  /** The values, of quantized integers those that they stand for; null where it is computed. */
  readonly constant: NamedArray | null;
}

interface StoredOperator extends TfliteOperator {
  readonly optionsType: number;
  readonly options: FlatTable | null;
}

/** A network: operators in the order in which they run. */
export interface TfliteGraph {
  readonly description: string;
  readonly tensors: readonly TfliteTensor[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly operators: readonly TfliteOperator[];
}

/**
 * Reads the network of a TFLite file whole. Values may share the bytes' memory.
 * @throws FormatError when the file is damaged, or has several subgraphs.
 */
export function readTfliteGraph(bytes: Uint8Array<ArrayBuffer>, file = 'tflite'): TfliteGraph {
  return new TfliteReader(new FlatBuffer(bytes, file)).graph();
}

class TfliteReader {
  readonly #buffer: FlatBuffer;
  readonly #model: FlatTable;
  readonly #graph: FlatTable;
  readonly #tensors: FlatTable[];
  readonly #buffers: FlatTable[];
  /** What each DEQUANTIZE op's output was made from. */
  readonly #dequantized = new Map<number, number>();
  readonly #decoded = new Map<number, Float32Array<ArrayBuffer>>();

  constructor(buffer: FlatBuffer) {
    this.#buffer = buffer;
    this.#model = buffer.root('TFL3');
    const graphs = this.#model.tables(2);
    if (graphs.length !== 1) buffer.fail('one subgraph', `${graphs.length}`);
    this.#graph = graphs[0]!;
    this.#tensors = this.#graph.tables(0);
    this.#buffers = this.#model.tables(4);
  }

  #operators(): StoredOperator[] {
    // Operator codes had one byte once; newer files fill both fields.
    const codes = this.#model
      .tables(1)
      .map((each) => ({ code: Math.max(each.int8(0), each.int32(3)), custom: each.text(1) }));
    return this.#graph.tables(3).map((operator) => ({
      ...(codes[operator.uint32(0)] ??
        this.#buffer.fail(`a code among ${codes.length}`, `number ${operator.uint32(0)}`)),
      inputs: operator.int32s(1),
      outputs: operator.int32s(2),
      options: operator.table(4),
      optionsType: operator.uint8(3),
    }));
  }

  read(): TfliteModel {
    const operators = this.#operators();
    for (const { code, inputs, outputs } of operators) {
      if (code === opDequantize) this.#dequantized.set(outputs[0] ?? -1, inputs[0] ?? -1);
    }
    const convolutions = operators
      .filter(({ code }) => code === opConv2D || code === opDepthwiseConv2D)
      .map((operator) => this.#convolution(operator));
    return {
      description: this.#model.text(3),
      inputs: this.#graph.int32s(1).map((index) => this.#info(index)),
      outputs: this.#graph.int32s(2).map((index) => this.#info(index)),
      convolutions,
    };
  }

  constants(): Map<string, NamedArray> {
    const arrays = new Map<string, NamedArray>();
    for (const tensor of this.#tensors) {
      const array = this.#arrayOf(tensor);
      if (array === null) continue;
      const key = tensor.text(3);
      if (arrays.has(key)) this.#fail(key, 'every name once', 'the name twice');
      arrays.set(key, array);
    }
    return arrays;
  }

  /** The values of a tensor; null where it is computed, or has no numbers. */
  #arrayOf(tensor: FlatTable): NamedArray | null {
    const bytes = this.#bytesOf(tensor);
    const type = constantTypes.get(tensor.int8(1));
    if (bytes === null || bytes.length === 0 || type === undefined) return null;
    const key = tensor.text(3);
    const place = { file: this.#buffer.file, key };
    const shape = tensor.int32s(0);
    const length = elementCount(shape, place) * itemSizes[type];
    if (bytes.length !== length) {
      this.#fail(key, `${length} bytes for shape (${shape.join(', ')})`, `${bytes.length}`);
    }
    this.#buffer.spend(bytes.length);
    return dequantized(arrayFromBytes(bytes, type, shape), tensor.table(4), place);
  }

  graph(): TfliteGraph {
    const tensors = this.#tensors.map((tensor): TfliteTensor => {
      const signature = tensor.int32s(7);
      return {
        name: tensor.text(3),
        shape: signature.length > 0 ? signature : tensor.int32s(0),
        dtype: constantTypes.get(tensor.int8(1)) ?? null,
        quantized: (tensor.table(4)?.float32s(2).length ?? 0) > 0,
        constant: this.#arrayOf(tensor),
      };
    });
    const [inputs, outputs] = [this.#graph.int32s(1), this.#graph.int32s(2)];
    const operators = this.#operators();
    const known = (index: number, optional: boolean) => {
      if (!(tensors[index] !== undefined || (optional && index === -1)))
        this.#buffer.fail(`a tensor among ${tensors.length}`, `number ${index}`);
    };
    for (const index of [...inputs, ...outputs, ...operators.flatMap((each) => each.outputs)])
      known(index, false);
    for (const index of operators.flatMap((each) => each.inputs)) known(index, true);
    return { description: this.#model.text(3), tensors, inputs, outputs, operators };
  }

  #convolution(operator: StoredOperator): TfliteConvolution {
    const depthwise = operator.code === opDepthwiseConv2D;
    const name = this.#info(operator.outputs[0] ?? -1).name;
    const { options } = operator;
    if (options === null || operator.optionsType !== (depthwise ? 2 : 1)) {
      return this.#fail(name, 'the options of a convolution', `options of kind ${operator.optionsType}`);
    }
    const weights = this.#constant(operator.inputs[1] ?? -1, name);
    const bias = (operator.inputs[2] ?? -1) === -1 ? null : this.#constant(operator.inputs[2]!, name);
    const channels = weights.shape[depthwise ? 3 : 0];
    if (weights.shape.length !== 4 || (depthwise && weights.shape[0] !== 1)) {
      this.#fail(
        name,
        depthwise ? 'weights (1, kh, kw, c)' : 'weights (out, kh, kw, in)',
        `(${weights.shape.join(', ')})`,
      );
    }
    if (bias !== null && (bias.shape.length !== 1 || bias.shape[0] !== channels)) {
      this.#fail(name, `a bias (${channels})`, `(${bias.shape.join(', ')})`);
    }
    const activation = activations.get(options.int8(depthwise ? 4 : 3));
    const padding = options.int8(0);
    if (activation === undefined || (padding !== 0 && padding !== 1)) {
      return this.#fail(name, 'no activation, relu or relu6, and padding same or valid', 'something else');
    }
    return {
      kind: depthwise ? 'depthwise' : 'conv',
      name,
      weights,
      bias,
      stride: [options.int32(2), options.int32(1)],
      dilation: depthwise
        ? [options.int32(6, 1), options.int32(5, 1)]
        : [options.int32(5, 1), options.int32(4, 1)],
      padding: padding === 0 ? 'same' : 'valid',
      activation,
    };
  }

  #tensor(index: number): FlatTable {
    return (
      this.#tensors[index] ?? this.#buffer.fail(`a tensor among ${this.#tensors.length}`, `number ${index}`)
    );
  }

  #info(index: number): TfliteTensorInfo {
    const tensor = this.#tensor(index);
    return { name: tensor.text(3), shape: tensor.int32s(0) };
  }

  /** The values of a constant tensor, or of the constant that a DEQUANTIZE op turns into this tensor. */
  #constant(index: number, key: string): Float32Values {
    const tensor = this.#tensor(this.#dequantized.get(index) ?? index);
    const shape = tensor.int32s(0);
    const number = tensor.uint32(2);
    const type = elementTypes.get(tensor.int8(1));
    const bytes = this.#bytesOf(tensor);
    if (bytes === null) return this.#fail(key, 'constant weights', 'weights that are computed');
    if (type === undefined) {
      return this.#fail(
        key,
        'float32 or float16 weights',
        `element type ${tensor.int8(1)}`,
        'Integer models are not read.',
      );
    }
    const length = elementCount(shape, { file: this.#buffer.file, key }) * itemSizes[type];
    if (bytes.length !== length) {
      this.#fail(key, `${length} bytes for shape (${shape.join(', ')})`, `${bytes.length}`);
    }
    let data = this.#decoded.get(number);
    if (data === undefined) {
      this.#buffer.spend(bytes.length);
      data = toFloat32Array(arrayFromBytes(bytes, type, shape), { file: this.#buffer.file, key });
      this.#decoded.set(number, data);
    }
    return { shape, dtype: 'float32', data };
  }

  /** The stored values of a tensor, or null where it is computed. */
  #bytesOf(tensor: FlatTable): Uint8Array<ArrayBuffer> | null {
    const number = tensor.uint32(2);
    if (number > 0 && number >= this.#buffers.length) {
      this.#fail(tensor.text(3), `a buffer among ${this.#buffers.length}`, `number ${number}`);
    }
    const bytes = this.#buffers[number]?.bytes(0) ?? null;
    if (bytes !== null && tensor.table(6) !== null) {
      this.#fail(tensor.text(3), 'dense values', 'sparse ones', 'Write the model without sparsity.');
    }
    return bytes;
  }

  #fail(key: string, expected: string, got: string, advice?: string): never {
    throw new FormatError({ file: this.#buffer.file, key }, expected, got, advice);
  }
}

const constantTypes = new Map<number, BinaryDtype>([
  [0, 'float32'],
  [1, 'float16'],
  [2, 'int32'],
  [3, 'uint8'],
  [4, 'int64'],
  [6, 'bool'],
  [7, 'int16'],
  [9, 'int8'],
  [10, 'float64'],
]);

/** The numbers that quantized integers stand for: (q - zero) * scale, with one pair or one for each index of an axis. */
function dequantized(stored: NamedArray, parameters: FlatTable | null, place: FormatPlace): NamedArray {
  const scales = parameters?.float32s(2) ?? [];
  if (parameters === null || scales.length === 0 || stored.dtype === 'float32' || stored.dtype === 'float16')
    return stored;
  const zeros = parameters.int64s(3);
  const axis = parameters.int32(6);
  const { shape } = stored;
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const unsound = scales.find((scale) => !Number.isFinite(scale));
  if (unsound !== undefined) throw new FormatError(place, 'finite scales', `${unsound}`);
  const sound = scales.length === 1 || (axis >= 0 && scales.length === shape[axis]);
  if (!sound || (zeros.length !== 0 && zeros.length !== scales.length)) {
    throw new FormatError(
      place,
      'a scale for all values or for each index of an axis',
      `${scales.length} scales`,
    );
  }
  const values = toFloat32Array(stored, place);
  const data = new Float32Array(values.length);
  for (let i = 0; i < data.length; i++) {
    const k = scales.length === 1 ? 0 : Math.floor(i / inner) % scales.length;
    data[i] = (values[i]! - (zeros[k] ?? 0)) * scales[k]!;
  }
  return { shape, dtype: 'float32', data };
}
