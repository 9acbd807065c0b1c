/** Small graph-models of TensorFlow.js, written by hand, as files and as tfjs' own executor reads them. */
import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';

export type Attr = Readonly<Record<string, unknown>>;

export const text = (value: string): Attr => ({ s: btoa(value) });
export const texts = (...values: string[]): Attr => ({ list: { s: values.map((value) => btoa(value)) } });
export const int = (value: number): Attr => ({ i: `${value}` });
export const ints = (...values: number[]): Attr => ({ list: { i: values.map(String) } });
export const float = (value: number): Attr => ({ f: value });
export const flag = (value: boolean): Attr => ({ b: value });
export const type = (value: string): Attr => ({ type: value });

export interface Constant {
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export const floats = (shape: readonly number[], values: readonly number[]): Constant => ({
  dtype: 'float32',
  shape,
  values,
});
export const integers = (shape: readonly number[], values: readonly number[]): Constant => ({
  dtype: 'int32',
  shape,
  values,
});
export const list = (...values: number[]): Constant => integers([values.length], values);
export const single = (value: number): Constant => integers([], [value]);

export interface NodeText {
  readonly op: string;
  /** Names, separated by blanks. */
  readonly inputs?: string;
  readonly attr?: Readonly<Record<string, Attr>>;
}

export interface GraphModelSpec {
  readonly inputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly dtype?: string }>>;
  readonly constants?: Readonly<Record<string, Constant>>;
  readonly nodes: Readonly<Record<string, NodeText>>;
  /** Keys of the signature and the values behind them; without it the model has none. */
  readonly outputs?: Readonly<Record<string, string>>;
}

const dtypes = { float32: 'DT_FLOAT', int32: 'DT_INT32', bool: 'DT_BOOL' };

/** The parts of a model's files. */
export function graphModel({ inputs, constants = {}, nodes, outputs }: GraphModelSpec) {
  const arrays = Object.entries(constants);
  const bytes = arrays.map(([, { dtype, values }]) =>
    dtype === 'bool'
      ? new Uint8Array(values)
      : new Uint8Array((dtype === 'float32' ? new Float32Array(values) : new Int32Array(values)).buffer),
  );
  const json = {
    format: 'graph-model',
    ...(outputs === undefined
      ? {}
      : {
          signature: {
            inputs: {},
            outputs: Object.fromEntries(Object.entries(outputs).map(([key, name]) => [key, { name }])),
          },
        }),
    modelTopology: {
      versions: { producer: 175 },
      node: [
        ...Object.entries(inputs).map(([name, { shape, dtype = 'DT_FLOAT' }]) => ({
          name,
          op: 'Placeholder',
          attr: { dtype: type(dtype), shape: { shape: { dim: shape.map((size) => ({ size: `${size}` })) } } },
        })),
        ...arrays.map(([name, { dtype }]) => ({ name, op: 'Const', attr: { dtype: type(dtypes[dtype]) } })),
        ...Object.entries(nodes).map(([name, { op, inputs: taken = '', attr = {} }]) => ({
          name,
          op,
          input: taken.split(' ').filter((each) => each !== ''),
          attr,
        })),
      ] as { name: string; op: string; input?: string[]; attr: Record<string, Attr> }[],
    },
    weightsManifest: [
      {
        paths: ['group1-shard1of1.bin'],
        weights: arrays.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
      },
    ],
  };
  return { json, weights: new Uint8Array(Buffer.concat(bytes)) };
}

export type Parts = ReturnType<typeof graphModel>;

/** As a page gets the files from its user. */
export const filesOf = ({ json, weights }: Parts): File[] => [
  new File([JSON.stringify(json)], 'model.json'),
  new File([weights], 'group1-shard1of1.bin'),
];

/** The model in tfjs' own executor. */
export const executorOf = ({ json, weights }: { json: object; weights: Uint8Array }): Promise<GraphModel> =>
  loadGraphModel(
    tf.io.fromMemory({
      ...json,
      weightSpecs: (json as Parts['json']).weightsManifest[0]!.weights as tf.io.WeightsManifestEntry[],
      weightData: weights.slice().buffer,
    } as tf.io.ModelArtifacts),
  );
