/** Layers under the roofs of the machine, as SVG. */
import { escaped } from './plot.ts';
import type { LayerBound, Roofline } from './roofline.ts';
import { ms } from './targets.ts';

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [940, 560, 80, 30, 60, 60];

/** What is drawn of an algorithm. */
const styles = {
  direct: { colour: '#c2662d', name: 'direct' },
  'F(4,3)': { colour: '#7a6fb0', name: 'Winograd F(4,3)' },
  'F(6,3)': { colour: '#1b7f5c', name: 'Winograd F(6,3)' },
} as const;

/** How many layers are named: those that lose the most time. */
const NAMED = 9;

const size = (bytes: number) => (bytes < 2 ** 20 ? `${bytes / 1024} KiB` : `${bytes / 2 ** 20} MiB`);

/**
 * Both scales are logarithmic: operations a byte, and 10^9 operations a second, of the algorithm that the bound takes. The area of a point is
 * the time that the network spends in such layers.
 */
export function rooflinePlot(title: string, { limits, layers, bound, took }: Roofline): string {
  const intensity = ({ gflop, bytes }: LayerBound) => (gflop * 1e9) / bytes;
  const rate = (one: LayerBound) => one.gflop / (one.took / 1e3);
  const [slow, fast] = [limits.bandwidth.at(-1)!, limits.bandwidth[0]!];
  const [left, right] = [
    Math.min(...layers.map(intensity), limits.gflops / fast[1]) / 1.5,
    Math.max(...layers.map(intensity), limits.gflops / slow[1]) * 1.5,
  ];
  const [low, high] = [Math.min(...layers.map(rate), limits.gflops / 4) / 1.5, limits.gflops * 1.6];
  const between = (value: number, from: number, to: number) => Math.log(value / from) / Math.log(to / from);
  const x = (value: number) =>
    Math.round((LEFT + between(value, left, right) * (WIDTH - LEFT - RIGHT)) * 10) / 10;
  const y = (value: number) =>
    Math.round((HEIGHT - BOTTOM - between(value, low, high) * (HEIGHT - TOP - BOTTOM)) * 10) / 10;
  const out: string[] = [];
  const scale = (from: number, to: number) =>
    Array.from({ length: 8 }, (_, i) => 10 ** (i - 2))
      .flatMap((power) => [power, 2 * power, 5 * power])
      .filter((value) => value >= from && value <= to);
  for (const value of scale(left, right))
    out.push(
      `<line x1="${x(value)}" x2="${x(value)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="#e4e4e4"/>`,
      `<text x="${x(value)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${value}</text>`,
    );
  for (const value of scale(low, high))
    out.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" stroke="#e4e4e4"/>`,
      `<text x="${LEFT - 8}" y="${y(value) + 5}" text-anchor="end">${value}</text>`,
    );
  for (const [bytes, bandwidth] of [slow, fast]) {
    const ridge = Math.min(right, limits.gflops / bandwidth);
    const start = Math.max(left, low / bandwidth);
    if (start >= ridge) continue;
    const text = `${size(bytes)}: ${bandwidth.toFixed(0)} GB/s`;
    const angle =
      (Math.atan2(y(ridge * bandwidth) - y(start * bandwidth), x(ridge) - x(start)) * 180) / Math.PI;
    out.push(
      `<line x1="${x(start)}" y1="${y(start * bandwidth)}" x2="${x(ridge)}" y2="${y(ridge * bandwidth)}" stroke="#444" stroke-width="2"/>`,
      `<text transform="translate(${x(start) + 4} ${y(start * bandwidth) - 6}) rotate(${angle.toFixed(1)})">${text}</text>`,
    );
  }
  const corner = limits.gflops / fast[1];
  out.push(
    `<line x1="${x(Math.max(left, corner))}" y1="${y(limits.gflops)}" x2="${WIDTH - RIGHT}" y2="${y(limits.gflops)}" stroke="#444" stroke-width="2"/>`,
    `<text x="${WIDTH - RIGHT}" y="${y(limits.gflops) - 8}" text-anchor="end">multiply-adds, 128 bits: ${limits.gflops.toFixed(1)} GFLOP/s</text>`,
  );
  const spent = ({ layer, took: one }: LayerBound) => layer.count * one;
  const lost = (one: LayerBound) => one.layer.count * (one.took - one.bound);
  const named = new Set([...layers].sort((a, b) => lost(b) - lost(a)).slice(0, NAMED));
  // Large points first, so that none hides another.
  for (const one of [...layers].sort((a, b) => spent(b) - spent(a))) {
    const radius = Math.max(3, 40 * Math.sqrt(spent(one) / took));
    const text = `${one.layer.name}${one.layer.count > 1 ? ` (x${one.layer.count})` : ''}: ${ms(one.took)}, bound ${ms(one.bound)}, ${((100 * one.bound) / one.took).toFixed(0)} %`;
    out.push(
      `<circle cx="${x(intensity(one))}" cy="${y(rate(one))}" r="${radius.toFixed(1)}" fill="${styles[one.algorithm].colour}" fill-opacity="0.6"><title>${escaped(text)}</title></circle>`,
    );
  }
  /** Where names are, so that none is written over another. */
  const places: { x: number; y: number }[] = [];
  for (const one of named) {
    const point = { x: x(intensity(one)), y: y(rate(one)) };
    const place = { x: point.x, y: point.y + 5 };
    while (places.some((other) => Math.abs(other.y - place.y) < 15 && Math.abs(other.x - place.x) < 150))
      place.y += 4;
    places.push(place);
    if (place.y > point.y + 5)
      out.push(
        `<line x1="${point.x}" y1="${point.y}" x2="${place.x}" y2="${place.y - 10}" stroke="#666" stroke-width="0.7"/>`,
      );
    out.push(
      `<text x="${place.x}" y="${place.y}" text-anchor="${place.x > WIDTH - 160 ? 'end' : 'start'}">${escaped(one.layer.name)}, ${((100 * one.bound) / one.took).toFixed(0)} %</text>`,
    );
  }
  Object.values(styles).forEach(({ colour, name }, i) => {
    out.push(
      `<circle cx="${LEFT + 8 + 170 * i}" cy="44" r="6" fill="${colour}" fill-opacity="0.6"/>`,
      `<text x="${LEFT + 20 + 170 * i}" y="49">${name}</text>`,
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="13">
<title>${escaped(title)}: layers against their bounds</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${LEFT}" y="24" font-size="16">${escaped(title)}: the bound is ${ms(bound)}, it takes ${ms(took)} (${((100 * bound) / took).toFixed(0)} %)</text>
${out.join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 14}" text-anchor="middle">operations a byte</text>
<text transform="translate(22 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">GFLOP/s; areas are times, names those that lose most</text>
</svg>
`;
}
