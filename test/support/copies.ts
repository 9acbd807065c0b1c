/** What holds of the copies of any link. */
import { type CopyMode, Initializer, type InputSpec, Link, Parameter, Persistent } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

/** Makes a link, and tells shapes that its `forward` takes; null where it has none or takes no tensors. */
export type CopyRow = readonly [make: () => Link, inputs: readonly InputSpec[] | null];

/** The classes among a package's exports that are links. */
export const linkClasses = (exports: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(exports)
    .filter(([, value]) => typeof value === 'function' && (value === Link || value.prototype instanceof Link))
    .map(([name]) => name)
    .sort();

const isPart = (value: unknown) =>
  value instanceof Link || value instanceof Parameter || value instanceof Persistent;

/** A value as it can be compared between a link and its copy: links by their text. */
const comparable = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(comparable);
  return isPart(value) ? String(value) : value;
};

/** What the getters of the classes between `link` and Link give. */
function getters(link: Link): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (
    let proto = Object.getPrototypeOf(link);
    proto !== Link.prototype;
    proto = Object.getPrototypeOf(proto)
  )
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(proto)))
      if (get !== undefined) found[name] ??= comparable(get.call(link));
  return found;
}

/** Expects that `copy` of every mode is a whole link of its class, equal in all that it does and apart where it must be. */
export function expectWholeCopies(row: CopyRow): void {
  // Which values they have is of no account, and drawing a hundred million of them takes seconds.
  const { generate } = Initializer.prototype;
  Initializer.prototype.generate = (shape) => new Float32Array(shape.reduce((size, n) => size * n, 1));
  try {
    compareCopies(row);
  } finally {
    Initializer.prototype.generate = generate;
  }
}

function compareCopies([make, inputs]: CopyRow): void {
  const before = tf.memory().numTensors;
  for (const mode of ['share', 'copy', 'init'] satisfies CopyMode[]) {
    const link = make();
    const copy = link.copy(mode);
    expect(copy, mode).to.be.instanceOf(link.constructor);
    expect(Reflect.ownKeys(copy), mode).to.deep.equal(Reflect.ownKeys(link));
    for (const [key, value] of Object.entries(link) as [string, unknown][]) {
      const field = (copy as unknown as Record<string, unknown>)[key];
      if (!isPart(value)) expect(field, `${mode} ${key}`).to.equal(value);
      else if (!(value instanceof Persistent && mode === 'share'))
        expect(field, `${mode} ${key}`).not.to.equal(value);
    }
    expect(getters(copy), mode).to.deep.equal(getters(link));
    const paths = (each: Link) =>
      [...each.namedlinks(), ...each.namedparams(), ...each.namedpersistents()].map(([path]) => path);
    expect(paths(copy), mode).to.deep.equal(paths(link));
    expect(copy.toString(), mode).to.equal(link.toString());
    const params = [...copy.params()];
    for (const [i, param] of [...link.params()].entries()) {
      expect(params[i], mode).not.to.equal(param);
      if (param.array !== null)
        expect(params[i]!.array === param.array, `${mode} ${param.path}`).to.equal(mode === 'share');
    }
    if (inputs !== null)
      expect(copy.summary(...inputs).toString(), mode).to.equal(link.summary(...inputs).toString());
    copy.dispose();
    link.dispose();
  }
  expect(tf.memory().numTensors, 'tensors').to.equal(before);
}
