/** How notebooks show things. */

/** Contents by MIME type; pictures that are no text are base64. */
export type MediaBundle = Readonly<Record<string, string>>;

/** Deno's notebooks show an object by what it gives under this symbol, `Symbol.for('Jupyter.display')`. */
export const jupyterDisplay: unique symbol = Symbol.for('Jupyter.display') as never;

/** What a notebook shows by itself when it is the last value of a cell. */
export interface Displayable {
  [jupyterDisplay](): MediaBundle;
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it stands in HTML, SVG and XML. */
export const escapeMarkup = (text: string): string => text.replace(/[&<>"]/g, (c) => escapes[c]!);

/**
 * A table as HTML, which takes the fonts and colours of the page.
 * @param rows the head first; cells of texts, numbers set to the right.
 */
export function htmlTable(rows: readonly (readonly (string | number)[])[]): string {
  const cellOf = (tag: string) => (cell: string | number) => {
    const style = `text-align:${typeof cell === 'number' ? 'right' : 'left'};padding:2px 8px`;
    const text =
      typeof cell === 'number' ? cell.toLocaleString('en-US', { maximumSignificantDigits: 6 }) : cell;
    return `<${tag} style="${style}">${escapeMarkup(text)}</${tag}>`;
  };
  const lines = rows.map((row, i) => `<tr>${row.map(cellOf(i === 0 ? 'th' : 'td')).join('')}</tr>`);
  return `<table style="border-collapse:collapse;font-family:monospace">\n${lines.join('\n')}\n</table>`;
}
