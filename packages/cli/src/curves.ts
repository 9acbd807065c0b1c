/** Curves of a training as an SVG picture. */

export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const WIDTH = 640;
const HEIGHT = 240;
const [LEFT, RIGHT, TOP, BOTTOM] = [56, 16, 28, 34];
// Okabe and Ito's colours, which the colour-blind tell apart.
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

const escapeXml = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** One plot a group, below each other; groups without points are left out. */
export function curvesSvg(groups: Readonly<Record<string, readonly Curve[]>>, xLabel: string): string {
  const plots = Object.entries(groups)
    .map(([title, curves]) => [title, curves.filter(({ points }) => points.length > 0)] as const)
    .filter(([, curves]) => curves.length > 0);
  const body = plots.map(
    ([title, curves], i) => `<g transform="translate(0 ${i * HEIGHT})">${plot(title, curves, xLabel)}</g>`,
  );
  const height = Math.max(1, plots.length) * HEIGHT;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${body.join('\n')}
</svg>
`;
}

function plot(title: string, curves: readonly Curve[], xLabel: string): string {
  const points = curves.flatMap((curve) => curve.points);
  const xMax = Math.max(...points.map(([x]) => x), 1);
  const yMax = Math.max(...points.map(([, y]) => y)) || 1;
  const x = (value: number) => (LEFT + (value / xMax) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number) => (HEIGHT - BOTTOM - (value / yMax) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const grid = ticks.map(
    (t) => `<path d="M${LEFT} ${y(t * yMax)}H${WIDTH - RIGHT}" stroke="#ddd"/>
<text x="${LEFT - 6}" y="${y(t * yMax)}" dy="4" text-anchor="end">${Number((t * yMax).toPrecision(3))}</text>
<text x="${x(t * xMax)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${Number((t * xMax).toPrecision(3))}</text>`,
  );
  const lines = curves.map(({ points: own }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = own.map(([px, py]) => `${x(px)},${y(py)}`).join(' ');
    const dots = own
      .map(([px, py]) => `<circle cx="${x(px)}" cy="${y(py)}" r="2" fill="${colour}"/>`)
      .join('');
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>${dots}`;
  });
  const legend = curves.map(
    ({ name }, i) => `<tspan dx="14" fill="${COLOURS[i % COLOURS.length]}">${escapeXml(name)}</tspan>`,
  );
  return `${grid.join('\n')}
${lines.join('\n')}
<text x="${LEFT}" y="18"><tspan font-weight="bold">${escapeXml(title)}</tspan>${legend.join('')}</text>
<text x="${WIDTH - RIGHT}" y="${HEIGHT - 4}" text-anchor="end">${escapeXml(xLabel)}</text>`;
}
