import {
  checkOptions,
  type Displayable,
  InvalidArgumentError,
  jupyterDisplay,
  type MediaBundle,
  type SerialEntry,
} from '@chaingrad/core';
import type { Extension } from '../extension.ts';
import { FileName } from '../file-name.ts';
import { lineChart } from '../line-chart.ts';
import { jsonEntry } from '../state-entries.ts';
import type { Trainer } from '../trainer.ts';
import type { TriggerLike } from '../triggers/trigger.ts';
import { IntervalMeans } from './interval-means.ts';

export interface PlotReportOptions {
  /** What the x axis shows: 'iteration', 'epoch' (with its fraction), or a reported value. Default 'iteration'. */
  readonly xKey?: string;
  /** How often a point is made, of the means since the last one. Default every epoch. */
  readonly trigger?: TriggerLike;
  /** `{iteration}` and `{epoch}` are filled in. Default 'plot.svg'; another ending needs `convert`. */
  readonly filename?: string;
  /** Makes another picture of the SVG text, e.g. a PNG with sharp: `(svg) => sharp(Buffer.from(svg)).png().toBuffer()`. */
  readonly convert?: (svg: string) => Uint8Array | Promise<Uint8Array>;
  /** Marks the points. Default true. */
  readonly markers?: boolean;
  /** Default true. */
  readonly grid?: boolean;
}

/** Draws curves of reported values (Chainer's `PlotReport`), as SVG or what the caller makes of it. Notebooks show them. */
export class PlotReport implements Extension, Displayable {
  readonly defaultName = 'PlotReport';
  readonly readsObservation = true;
  readonly #yKeys: readonly string[];
  readonly #xKey: string;
  readonly #filename: FileName;
  readonly #convert: PlotReportOptions['convert'];
  readonly #style: { readonly markers: boolean; readonly grid: boolean };
  readonly #means: IntervalMeans;
  #points: Record<string, [x: number, y: number][]>;

  /** @throws InvalidArgumentError without keys, and for another picture than SVG without `convert`. */
  constructor(yKeys: string | readonly string[], options: PlotReportOptions = {}) {
    checkOptions(
      'PlotReport',
      options,
      {
        xKey: 'string',
        trigger: 'any',
        filename: 'string',
        convert: 'function',
        markers: 'boolean',
        grid: 'boolean',
      },
      { fileName: 'filename', file_name: 'filename', marker: 'markers' },
    );
    const { xKey = 'iteration', trigger = [1, 'epoch'], filename = 'plot.svg' } = options;
    this.#yKeys = typeof yKeys === 'string' ? [yKeys] : [...yKeys];
    if (this.#yKeys.length === 0) throw new InvalidArgumentError('PlotReport', 'one name or more', 'none');
    if (options.convert === undefined && !filename.endsWith('.svg')) {
      throw new InvalidArgumentError('PlotReport filename', 'a name that ends in .svg, or convert', filename);
    }
    this.#convert = options.convert;
    this.#xKey = xKey;
    this.#means = new IntervalMeans('PlotReport', this.#yKeys, trigger, [xKey]);
    this.#filename = new FileName('PlotReport', filename);
    this.#style = { markers: options.markers ?? true, grid: options.grid ?? true };
    this.#points = Object.fromEntries(this.#yKeys.map((key) => [key, []]));
  }

  /** The points so far, by name. */
  get points(): Readonly<Record<string, readonly (readonly [x: number, y: number])[]>> {
    return this.#points;
  }

  async call(trainer: Trainer): Promise<void> {
    const means = await this.#means.next(trainer);
    if (means === null) return;
    const { iteration, epochDetail } = trainer.updater;
    const x = new Map([...means, ['iteration', iteration], ['epoch', epochDetail]]).get(this.#xKey);
    if (x === undefined) return;
    for (const key of this.#yKeys) {
      const y = means.get(key);
      if (y !== undefined) this.#points[key]!.push([x, y]);
    }
    const svg = this.toSVG();
    const picture = this.#convert === undefined ? svg : await this.#convert(svg);
    await trainer.store.write(this.#filename.at(trainer), picture);
  }

  /** The curves so far. */
  toSVG(): string {
    const curves = this.#yKeys.map((key) => ({ label: key, points: this.#points[key]! }));
    return lineChart(curves, { xLabel: this.#xKey, ...this.#style });
  }

  [jupyterDisplay](): MediaBundle {
    return { 'image/svg+xml': this.toSVG() };
  }

  settle(): Promise<void> {
    return this.#means.settle();
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield* this.#means.serialEntries(prefix);
    yield jsonEntry<Record<string, [number, number][]>>(
      `${prefix}_plot`,
      () => this.#points,
      (points) => {
        this.#points = Object.fromEntries(this.#yKeys.map((key) => [key, points[key] ?? []]));
      },
    );
  }

  finalize(): void {
    this.#means.finalize();
  }
}
