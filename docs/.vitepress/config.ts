/** The site of the documentation: `npm run docs` builds it into out/docs, `npm run docs -- --serve` shows it while it is written. */
import { readFileSync } from 'node:fs';
import { type DefaultTheme, defineConfig, type MarkdownRenderer } from 'vitepress';

const page = (text: string, link: string): DefaultTheme.SidebarItem => ({ text, link });

/** Blocks that are marked `js live` can be run in the page; anywhere else they are plain code. */
function liveBlocks(md: MarkdownRenderer): void {
  const fence = md.renderer.rules.fence!;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index]!;
    if (!/^js live\b/.test(info)) return fence(tokens, index, ...rest);
    return `<Live code="${md.utils.escapeHtml(content)}" />`;
  };
}

/** What lies outside of the documentation (sources, tests) has no page: a link to it becomes its path. */
function pathsForOutside(md: MarkdownRenderer): void {
  md.core.ruler.push('outside', (state) => {
    for (const { children } of state.tokens) {
      let outside = false;
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const href = token.attrGet('href')!;
          const up = href.match(/\.\.\//g)?.length ?? 0;
          const depth = (state.env.relativePath as string).split('/').length - 1;
          outside = up > depth;
          if (outside) {
            token.tag = 'code';
            token.attrs = [['title', href.replaceAll('../', '')]];
          }
        } else if (token.type === 'link_close' && outside) {
          token.tag = 'code';
          outside = false;
        }
      }
    }
  });
}

/** The site's icon: two links of a chain. */
const mark = readFileSync(new URL('mark.svg', import.meta.url), 'utf8');

export default defineConfig({
  title: 'chaingrad',
  description: 'Author, load and fine-tune vision models in JavaScript, in Node and in the browser.',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(mark)}` }]],
  base: process.env['DOCS_BASE'] ?? '/',
  outDir: '../out/docs',
  cacheDir: '../out/docs-cache',
  cleanUrls: false,
  lastUpdated: false,
  markdown: {
    config: (md) => {
      liveBlocks(md);
      pathsForOutside(md);
    },
  },
  // The reference is TypeDoc's own site, built beside this one.
  ignoreDeadLinks: [/\/api\//, /^https?:\/\/localhost/],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/guide/start' },
      { text: 'From PyTorch', link: '/guide/from-pytorch' },
      { text: 'Reference', link: '/api/index.html', target: '_self' },
      { text: 'Troubleshooting', link: '/guide/troubleshooting' },
    ],
    sidebar: {
      '/': [
        {
          text: 'Guide',
          items: [
            page('Start', '/guide/start'),
            page('Writing models', '/guide/models'),
            page('Memory', '/guide/memory'),
            page('Training', '/guide/training'),
            page('Fine-tuning', '/guide/fine-tuning'),
            page('Own functions and gradients', '/guide/gradients'),
            page('In a page', '/browser'),
            page('In a notebook', '/guide/notebooks'),
            page('Cookbook', '/guide/cookbook'),
            page('Troubleshooting', '/guide/troubleshooting'),
            page('Every message', '/messages'),
          ],
        },
        {
          text: 'Coming from',
          items: [
            page('PyTorch', '/guide/from-pytorch'),
            page('Seven models beside PyTorch', '/guide/seven-models'),
            page('Chainer', '/guide/from-chainer'),
            page('tfjs-layers', '/guide/from-tfjs-layers'),
          ],
        },
        {
          text: 'In and out',
          items: [
            page('Your own detector', '/finetune'),
            page('Weights', '/weights'),
            page('ONNX', '/onnx'),
            page('Functions', '/functions'),
          ],
        },
        {
          text: 'The project',
          items: [page('The house', '/architecture'), page('Names', '/naming')],
        },
      ],
    },
  },
});
