/** Networks whose weights and persistents the goldens generate. */
import { type Link, Persistent } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type Every, generate } from '../../support/goldens.ts';
import { fillParams, type ParamRow, type Stats } from '../../support/models.ts';

export type Row = [path: string, shape: number[], scale: number, offset: number, every?: Every];

/** What a golden network's JSON holds. */
export interface GeneratedNet {
  /** What stands before the path in each key. */
  prefix: string;
  params: Row[];
  persistents: Row[];
}

/** ... of a network whose layers are recorded. */
export interface ForwardGolden extends GeneratedNet {
  n_class: number;
  layer_names: string[];
  mean: [number, number, number];
  input_key: string;
  input_size: [number, number];
  layers: { name: string; stats: Stats }[];
  predict?: { image_keys: string[]; image_sizes: [number, number][]; crop_size: number; scale_size: number };
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Gives parameters and running statistics their generated values; fails where names differ. */
export function fillNet(model: Link, { prefix, params, persistents }: GeneratedNet): void {
  const named = ([path, shape, scale, offset, every]: Row) => ({
    path,
    shape,
    key: prefix + path,
    scale,
    offset,
    every,
  });
  fillRows(model, { params: params.map(named), persistents: persistents.map(named) });
}

/** ... whose keys are told one by one. */
export function fillRows(
  model: Link,
  { params, persistents }: Readonly<Record<'params' | 'persistents', readonly ParamRow[]>>,
): void {
  fillParams(model, params);
  const found = new Map(model.namedpersistents());
  const statistics = [...found.keys()].filter((path) => !path.endsWith('/N'));
  expect(persistents.map(({ path }) => path)).to.deep.equal(statistics);
  for (const row of persistents) {
    const persistent = found.get(row.path)!;
    if (!(persistent instanceof Persistent)) throw new Error(row.path);
    const values = tf.tensor(generate(row, sizeOf(row.shape)), [...row.shape]);
    persistent.value = values;
    values.dispose();
  }
}
