/** Sparse matrices on the host. */
import { KernelArgumentError } from './errors.ts';

/**
 * A sparse matrix in compressed rows: row i has `values[k]` in column `columns[k]`, for k from `starts[i]` up to `starts[i + 1]`.
 * It lives in JavaScript, where the places are computed that it stands for (the samples of a region, say). A column may come
 * several times in a row: then its values add up.
 */
export class CSRMatrix {
  /** The same matrix turned round, made once. */
  #transposed: CSRMatrix | undefined;

  /** @throws KernelArgumentError when the arrays do not fit. */
  constructor(
    readonly shape: readonly [rows: number, columns: number],
    readonly starts: Int32Array,
    readonly columns: Int32Array,
    readonly values: Float32Array,
  ) {
    const [rows, width] = shape;
    const need = (ok: boolean, argument: string, expected: string, got: unknown) => {
      if (!ok) throw new KernelArgumentError('CSRMatrix', argument, expected, String(got));
    };
    need(starts.length === rows + 1, 'starts', `of ${rows + 1} elements`, starts.length);
    need(values.length === columns.length, 'values', `of ${columns.length} elements`, values.length);
    need(starts[rows] === columns.length, 'the last start', String(columns.length), starts[rows]);
    const outside = columns.find((column) => !(column >= 0 && column < width));
    need(outside === undefined, 'columns', `in 0..${width - 1}`, outside);
  }

  /** From rows of pairs [column, value]. @param rows called once; its rows may be made as they are asked for. */
  static of(columns: number, rows: Iterable<Iterable<readonly [column: number, value: number]>>): CSRMatrix {
    const starts = [0];
    const places: number[] = [];
    const values: number[] = [];
    for (const row of rows) {
      for (const [column, value] of row) {
        places.push(column);
        values.push(value);
      }
      starts.push(places.length);
    }
    return new CSRMatrix(
      [starts.length - 1, columns],
      Int32Array.from(starts),
      Int32Array.from(places),
      Float32Array.from(values),
    );
  }

  transpose(): CSRMatrix {
    if (this.#transposed !== undefined) return this.#transposed;
    const [rows, width] = this.shape;
    const starts = new Int32Array(width + 1);
    for (const column of this.columns) starts[column + 1]!++;
    for (let i = 0; i < width; i++) starts[i + 1]! += starts[i]!;
    const next = starts.slice();
    const columns = new Int32Array(this.columns.length);
    const values = new Float32Array(this.columns.length);
    for (let row = 0; row < rows; row++)
      for (let k = this.starts[row]!; k < this.starts[row + 1]!; k++) {
        const at = next[this.columns[k]!]!++;
        columns[at] = row;
        values[at] = this.values[k]!;
      }
    const transposed = new CSRMatrix([width, rows], starts, columns, values);
    transposed.#transposed = this;
    this.#transposed = transposed;
    return transposed;
  }
}
