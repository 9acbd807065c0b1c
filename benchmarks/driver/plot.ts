/** Bars of the main results, as SVG. */
import type { SideName } from '../sides/side.ts';
import type { CaseResult } from './run.ts';
import { ms, Results, titled } from './targets.ts';

/** Distinguishable without colours too: each bar has its name. */
export const colours: Readonly<Record<SideName, string>> = {
  chaingrad: '#1b7f5c',
  'chaingrad-wide': '#12573f',
  'chaingrad-bytes': '#7fb79f',
  'chaingrad-webgpu': '#2f9e8f',
  'onnxruntime-web': '#c2662d',
  'onnxruntime-webgpu': '#e08a4f',
  'tfjs-wasm': '#d9a441',
  'tfjs-webgpu': '#c9a227',
  'tfjs-layers': '#e0c27a',
  'tfjs-layers-kernels': '#4c9f83',
  'face-api': '#c9b458',
  'face-api-kernels': '#4c9f83',
  'tfjs-cpu': '#a8a8a8',
  'jax-js': '#7a6fb0',
  litert: '#b0527a',
  'onnxruntime-node': '#8a9bb0',
  pytorch: '#6b7686',
};

const shown: readonly (readonly [id: string, title: string])[] = [
  ['ssd300-forward', 'SSD300, 1 thread, Node 24'],
  ['ssd300-forward-node20', 'SSD300, 1 thread, Node 20'],
  ['ssd300-forward-2threads', 'SSD300, 2 threads, Node 24'],
  ['ssd300-chromium', 'SSD300, 1 thread, Chromium'],
  ['ssd300-firefox', 'SSD300, 1 thread, Firefox'],
  ['vgg16-forward', 'VGG16, 1 thread, Node 24'],
  ['mobilenet-forward', 'SSDMobileNetV2, 1 thread, Node 24'],
];

const [WIDTH, LEFT, RIGHT, BAR, GAP] = [940, 220, 90, 18, 40];

/** Text in SVG and HTML. */
export const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** One group of bars a case, each group on its own scale; null where nothing of it was measured. */
export function barPlot(cases: readonly CaseResult[]): string | null {
  const results = new Results(cases);
  const groups = shown.flatMap(([id, title]) => {
    const bars = (results.case(id)?.sides ?? []).flatMap(({ side }) => {
      const times = results.times(id, side);
      return times === null ? [] : [{ side, times }];
    });
    return bars.length === 0 ? [] : [{ title, bars }];
  });
  if (groups.length === 0) return null;
  const parts: string[] = [];
  let y = 50;
  for (const { title, bars } of groups) {
    parts.push(`<text x="${LEFT}" y="${y}" font-weight="bold">${escaped(title)}</text>`);
    y += 8;
    const most = Math.max(...bars.map(({ times }) => times.median));
    for (const { side, times } of bars) {
      const width = (times.median / most) * (WIDTH - LEFT - RIGHT);
      const middle = y + BAR / 2 + 5;
      const name = titled(side);
      parts.push(
        `<text x="${LEFT - 8}" y="${middle}" text-anchor="end">${name}</text>`,
        `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 2}" fill="${colours[side]}"/>`,
        `<text x="${(LEFT + width + 6).toFixed(1)}" y="${middle}">${ms(times.median)}</text>`,
      );
      y += BAR;
    }
    y += GAP - 8;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" font-family="system-ui, sans-serif" font-size="14">
<title>Time of one forward pass</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${LEFT}" y="22" font-size="16">Time of one forward pass, batch 1: shorter is better</text>
${parts.join('\n')}
</svg>
`;
}
