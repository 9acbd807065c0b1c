import type { GraphBuilder } from './builder.ts';
import type { GraphType } from './constant.ts';
import type { Dim } from './dims.ts';

/** What a network's file tells beside its graph, so that it explains itself. */
export interface OnnxAbout {
  /** One sentence: what goes in, what comes out. */
  readonly description?: string | undefined;
  /** The model by name. */
  readonly name?: string | undefined;
  /** Names of the classes in the order of the labels. */
  readonly classNames?: readonly string[] | undefined;
  /** The mean pixel that is subtracted before the network, RGB. */
  readonly mean?: number | readonly number[] | undefined;
  /** The smallest and the largest value of an input. */
  readonly inputRange?: readonly [low: number, high: number] | undefined;
  /** More entries, as text. */
  readonly more?: Readonly<Record<string, string>> | undefined;
}

/** An array at the border of the graph: an input that a user gives, or an output. */
export interface GraphPort {
  /** Of a node, an initializer or an input. */
  readonly name: string;
  /** As stored. A number, a name for a size that is not known before, or one that follows the inputs' sizes. */
  readonly shape: readonly (Dim | string)[];
  readonly dtype: GraphType;
}

/** An argument of a part of a network: what it is called in the graph, and its shape as `forward` has it. */
export interface StageInput {
  /** Arrays of 4 axes are stored as `layout` says. */
  readonly name: string;
  /** Of the first axis the graph takes any size. */
  readonly shape: readonly number[];
}

/** A part of a network that is traced by itself: what lies before it depends on values, which a trace has none of. */
export interface GraphStage {
  /** Makes the arguments of `forward`. @param outputs of the stage before. */
  between(graph: GraphBuilder, outputs: readonly GraphPort[]): readonly StageInput[];
  /** What is traced. Paths are those of the exported link. */
  forward(...args: never[]): unknown;
}

/** Nodes that are put before, between and behind those of the network. */
export interface GraphWrap {
  /** Makes the network's inputs, channels last or first as `layout` says, of other inputs. */
  before(graph: GraphBuilder): { inputs: readonly GraphPort[]; args: readonly string[] };
  /** What is traced in place of the link's whole forward pass. */
  forward?(...args: never[]): unknown;
  /** What follows it, in order. */
  readonly stages?: readonly GraphStage[] | undefined;
  /** Makes other outputs of those of the network, or of its last stage. */
  after(graph: GraphBuilder, outputs: readonly GraphPort[]): readonly GraphPort[];
}

export interface OnnxExportOptions {
  /** The version of ONNX' operator set, 17 to 22. Default 17, which every runtime has. */
  readonly opset?: number | undefined;
  /** How arrays of 4 axes go in and out: 'NCHW' (default), as ONNX' networks have them, or 'NHWC', as `forward` has them. */
  readonly layout?: 'NCHW' | 'NHWC' | undefined;
  /** Whether any batch size fits ('dynamic', the default) or that of the given inputs only. */
  readonly batch?: 'dynamic' | 'fixed' | undefined;
  /** Whether any height and width fit, or those of the given inputs only ('fixed', the default). */
  readonly size?: 'dynamic' | 'fixed' | undefined;
  /** With `size: 'dynamic'`: heights and widths that the network takes are multiples of it. Default 1. */
  readonly sizeMultiple?: number | undefined;
  /** Whether batch normalization goes into the convolution before it. Default false: parameters stay those of the model. */
  readonly foldBatchNormalization?: boolean | undefined;
  /** Names of the inputs. Default 'input', of several 'input_0', 'input_1', ... */
  readonly inputNames?: readonly string[] | undefined;
  /** Names of the outputs. Default 'output', of several 'output_0', ... or the keys of the record that `forward` gives. */
  readonly outputNames?: readonly string[] | undefined;
  readonly about?: OnnxAbout | undefined;
  /** Nodes around the network's. */
  readonly wrap?: GraphWrap | undefined;
}
