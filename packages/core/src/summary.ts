import * as tf from '@tensorflow/tfjs-core';
import { usingConfig } from './configuration.ts';
import { type Displayable, htmlTable, jupyterDisplay } from './display.ts';
import type { Shape } from './initializers.ts';
import type { Link } from './link.ts';
import { withLinkHook } from './link-hook.ts';
import { countedMacs, withShapesOnly } from './meta/backend.ts';
import { metaMode } from './meta/mode.ts';
import type { Parameter } from './parameter.ts';

/** The shape of one argument of `forward`; float32 unless said. */
export type InputSpec = Shape | { readonly shape: Shape; readonly dtype: tf.DataType };

/** Calls the link on tensors that have shapes only. Must run within `withShapesOnly`. */
export function callWithShapes(link: Link, inputs: readonly InputSpec[]): void {
  const tensors = inputs.map((input) =>
    'shape' in input
      ? metaMode()!.placeholder(input.shape, input.dtype)
      : metaMode()!.placeholder(input, 'float32'),
  );
  try {
    tf.tidy(() => {
      usingConfig('train', false, () => {
        link.call(...(tensors as never[]));
      });
    });
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
}

/** One link of a model. */
export interface SummaryRow {
  /** '/' for the model itself. */
  readonly path: string;
  /** The class. */
  readonly link: string;
  /** Its own parameters: name and shape. */
  readonly params: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Scalars in them. */
  readonly count: number;
  /** Of its last call; null when it was not called. */
  readonly outputShapes: readonly (readonly number[])[] | null;
  /** Multiply-accumulate operations of its own, those of children left out. */
  readonly macs: number;
}

/** What `link.summary()` gives; `toString()` is the table, `toHTML()` the same for pages. Notebooks show it as a table. */
export interface Summary extends Displayable {
  readonly rows: readonly SummaryRow[];
  /** Scalars in all parameters, shared ones once. */
  readonly params: number;
  readonly macs: number;
  toString(): string;
  toHTML(): string;
}

export function summarize(link: Link, inputs: readonly InputSpec[]): Summary {
  return withShapesOnly(() => {
    const outputs = new Map<Link, (readonly number[])[]>();
    const macs = new Map<Link, number>();
    const stack: { start: number; inner: number }[] = [];
    withLinkHook(
      {
        name: 'chaingrad-summary',
        forwardPreprocess: () => stack.push({ start: countedMacs(), inner: 0 }),
        forwardPostprocess: ({ link: called, out }) => {
          const { start, inner } = stack.pop()!;
          const whole = countedMacs() - start;
          const outer = stack.at(-1);
          if (outer !== undefined) outer.inner += whole;
          macs.set(called, (macs.get(called) ?? 0) + whole - inner);
          outputs.set(
            called,
            tf.tensor_util.getTensorsInContainer(out as tf.TensorContainer).map((t) => t.shape),
          );
        },
      },
      () => callWithShapes(link, inputs),
    );
    const own = new Map<string, [name: string, param: Parameter][]>();
    for (const [path, param] of link.namedparams()) {
      const at = path.lastIndexOf('/');
      const owner = path.slice(0, at) || '/';
      own.set(owner, [...(own.get(owner) ?? []), [path.slice(at + 1), param]]);
    }
    const countOf = (param: Parameter) => (param.isInitialized ? param.size : 0);
    const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
    const rows = [...link.namedlinks()].map(([path, each]): SummaryRow => {
      const params = own.get(path) ?? [];
      return {
        path,
        link: each.constructor.name,
        params: params.map(([name, param]) => ({ name, shape: param.array?.shape ?? [] })),
        count: sum(params.map(([, param]) => countOf(param))),
        outputShapes: outputs.get(each) ?? null,
        macs: macs.get(each) ?? 0,
      };
    });
    const total = sum([...new Set(link.params())].map(countOf));
    const summary = { rows, params: total, macs: sum([...macs.values()]) };
    return {
      ...summary,
      toString: () => table(summary),
      toHTML: () => markup(summary),
      [jupyterDisplay]: () => ({ 'text/plain': table(summary), 'text/html': markup(summary) }),
    };
  }, false);
}

const shapeText = (shape: readonly number[]) => `(${shape.join(', ')})`;

/** Up to two shapes in full; of more, the first and the last. */
const outputText = (shapes: readonly (readonly number[])[]) =>
  (shapes.length <= 2
    ? shapes.map(shapeText)
    : [shapeText(shapes[0]!), '...', shapeText(shapes.at(-1)!)]
  ).join(', ');

type Contents = Pick<Summary, 'rows' | 'params' | 'macs'>;

const header = ['path', 'link', 'parameters', 'count', 'output shape', 'MACs'];

const paramsText = ({ params }: SummaryRow) =>
  params.map(({ name, shape }) => `${name} ${shapeText(shape)}`).join(', ');

function markup({ rows, params, macs }: Contents): string {
  const body = rows.map((row) => [
    row.path,
    row.link,
    paramsText(row),
    row.count === 0 ? '' : row.count,
    row.outputShapes === null ? '' : outputText(row.outputShapes),
    row.macs === 0 ? '' : row.macs,
  ]);
  return htmlTable([header, ...body, ['total', '', '', params, '', macs]]);
}

function table({ rows, params, macs }: Contents): string {
  const group = (n: number) => n.toLocaleString('en-US');
  const body = rows.map((row) => [
    row.path,
    row.link,
    paramsText(row),
    row.count === 0 ? '' : group(row.count),
    row.outputShapes === null ? '' : outputText(row.outputShapes),
    row.macs === 0 ? '' : group(row.macs),
  ]);
  const total = ['total', '', '', group(params), '', group(macs)];
  const widths = header.map((_, i) => Math.max(...[header, ...body, total].map((cells) => cells[i]!.length)));
  const numeric = new Set([3, 5]);
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => (numeric.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.reduce((a, b) => a + b, 2 * (widths.length - 1)));
  return [line(header), rule, ...body.map(line), rule, line(total)].join('\n');
}
