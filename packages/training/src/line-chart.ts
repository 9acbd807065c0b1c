/** Curves as an SVG picture. */
import { escapeMarkup } from '@chaingrad/core';

export interface Curve {
  readonly label: string;
  /** Points with a value that is not a number are left out, and break the line. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface ChartOptions {
  readonly xLabel: string;
  /** Marks the points. Default true. */
  readonly markers?: boolean;
  /** Default true. */
  readonly grid?: boolean;
  /** Default 640. */
  readonly width?: number;
  /** Without the legend, which comes above. Default 420. */
  readonly height?: number;
}

/** Okabe and Ito's colours, which the colour-blind can tell apart. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

const left = 64;
const right = 16;
const above = 16;
const bottom = 48;
const lineHeight = 18;

/** A round step for about `count` ticks: 1, 2 or 5 times a power of ten. */
function tickStep(range: number, count: number): number {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((f) => f * power >= rough * (1 - 1e-9))!;
  return factor * power;
}

interface Axis {
  readonly lo: number;
  readonly hi: number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

/** Limits that enclose the values, and round ticks within. */
function axisOf(values: readonly number[], count: number, pad: number): Axis {
  let [lo, hi] = [values[0] ?? 0, values[0] ?? 1];
  for (const value of values) {
    lo = Math.min(lo, value);
    hi = Math.max(hi, value);
  }
  if (lo === hi) {
    const half = Math.abs(lo) / 2 || 0.5;
    lo -= half;
    hi += half;
  }
  const space = (hi - lo) * pad;
  lo -= space;
  hi += space;
  const step = tickStep(hi - lo, count);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const first = Math.ceil(lo / step);
  const ticks = Array.from({ length: Math.floor(hi / step) - first + 1 }, (_, i) => {
    const value = (first + i) * step;
    const text = Math.abs(value) >= 1e6 || digits > 6 ? value.toExponential(1) : value.toFixed(digits);
    return { value, text };
  });
  return { lo, hi, ticks };
}

const round = (n: number): string => String(Math.round(n * 100) / 100);

/** Draws curves over a common x axis, with a legend of two columns above, where it hides nothing. */
export function lineChart(curves: readonly Curve[], options: ChartOptions): string {
  const { xLabel, markers = true, grid = true, width = 640 } = options;
  const legend = Math.ceil(curves.length / 2) * lineHeight;
  const height = (options.height ?? 420) + legend;
  const top = above + legend;
  const finite = curves.map(({ points }) => points.map(([x, y]) => Number.isFinite(x) && Number.isFinite(y)));
  const shown = curves.flatMap(({ points }, i) => points.filter((_, j) => finite[i]![j]));
  const xAxis = axisOf(
    shown.map(([x]) => x),
    6,
    0.02,
  );
  const yAxis = axisOf(
    shown.map(([, y]) => y),
    6,
    0.05,
  );
  const [w, h] = [width - left - right, height - top - bottom];
  const px = (x: number) => left + ((x - xAxis.lo) / (xAxis.hi - xAxis.lo)) * w;
  const py = (y: number) => top + (1 - (y - yAxis.lo) / (yAxis.hi - yAxis.lo)) * h;

  const parts: string[] = [];
  for (const { value, text } of xAxis.ticks) {
    const x = round(px(value));
    if (grid) parts.push(`<path class="grid" d="M${x} ${top}V${top + h}"/>`);
    parts.push(`<path class="axis" d="M${x} ${top + h}v4"/>`);
    parts.push(`<text x="${x}" y="${top + h + 18}" text-anchor="middle">${text}</text>`);
  }
  for (const { value, text } of yAxis.ticks) {
    const y = round(py(value));
    if (grid) parts.push(`<path class="grid" d="M${left} ${y}H${left + w}"/>`);
    parts.push(`<path class="axis" d="M${left} ${y}h-4"/>`);
    parts.push(`<text x="${left - 8}" y="${y}" text-anchor="end" dominant-baseline="middle">${text}</text>`);
  }
  parts.push(`<rect class="axis" x="${left}" y="${top}" width="${w}" height="${h}"/>`);
  parts.push(
    `<text x="${left + w / 2}" y="${height - 10}" text-anchor="middle">${escapeMarkup(xLabel)}</text>`,
  );

  for (const [i, { points, label }] of curves.entries()) {
    const colour = colours[i % colours.length]!;
    let d = '';
    let pen = false;
    for (const [j, [x, y]] of points.entries()) {
      if (finite[i]![j]) d += `${pen ? 'L' : 'M'}${round(px(x))} ${round(py(y))}`;
      pen = finite[i]![j]!;
    }
    if (d !== '') parts.push(`<path class="curve" stroke="${colour}" d="${d}"/>`);
    if (markers) {
      for (const [j, [x, y]] of points.entries()) {
        if (finite[i]![j])
          parts.push(`<circle fill="${colour}" cx="${round(px(x))}" cy="${round(py(y))}" r="2.5"/>`);
      }
    }
    const y = above + 4 + Math.floor(i / 2) * lineHeight;
    const x = left + ((i % 2) * w) / 2;
    parts.push(`<path class="curve" stroke="${colour}" d="M${x} ${y}h16"/>`);
    parts.push(`<text x="${x + 22}" y="${y}" dominant-baseline="middle">${escapeMarkup(label)}</text>`);
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    '<style>text{font:12px sans-serif;fill:#333;stroke:#fff;stroke-width:3px;paint-order:stroke}.axis{fill:none;stroke:#333}.grid{stroke:#ddd}.curve{fill:none;stroke-width:1.5}</style>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
