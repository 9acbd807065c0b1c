/** A page of twenty lines that finds things with a model, and everything that it needs. */
import { strToU8, zipSync } from 'fflate';

const WASM = 'tfjs-backend-wasm-simd.wasm';
const MODEL = 'detector.safetensors';

export const usePage = (title: string, className: string, threshold: number): string => `<!doctype html>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>${title.replace(/[<>&]/g, ' ')}</title>
<p><input type="file" id="file" accept="image/*" /></p>
<canvas id="canvas" style="max-width: 100%"></canvas>
<script type="module">
  import { ${className}, useBackend, visBbox } from './chaingrad.js';

  await useBackend('auto');
  const response = await fetch('./${MODEL}');
  const model = await ${className}.fromPretrained(new Uint8Array(await response.arrayBuffer()));
  file.onchange = async () => {
    const picture = await createImageBitmap(file.files[0]);
    Object.assign(canvas, { width: picture.width, height: picture.height });
    const context = canvas.getContext('2d');
    context.drawImage(picture, 0, 0);
    const { bboxes, labels, scores } = await model.predict([picture], { scoreThresh: ${threshold} });
    visBbox(context, null, bboxes[0], labels[0], scores[0], { labelNames: model.labelNames });
  };
</script>
`;

/** @param fetchFile reads a file of this page's server. */
export async function usePageZip(
  title: string,
  className: string,
  threshold: number,
  model: Uint8Array,
  fetchFile: (name: string) => Promise<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  return zipSync({
    'index.html': strToU8(usePage(title, className, threshold)),
    [MODEL]: model,
    'chaingrad.js': await fetchFile('library/chaingrad.js'),
    [WASM]: await fetchFile(WASM),
    'README.txt': strToU8('Put these files on any web server, or try them here: npx serve .\n'),
  }) as Uint8Array<ArrayBuffer>;
}
