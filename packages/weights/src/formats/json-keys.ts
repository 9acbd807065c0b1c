/** Duplicate names in JSON, which `JSON.parse` drops without a word. */

/**
 * The first name that some object of a JSON text has twice, or null.
 *
 * Character by character: a regular expression for a string takes stack for each of its characters.
 * @param text valid JSON (the caller has parsed it): so a string followed by a colon is a name, and braces match.
 */
export function duplicateKey(text: string): string | null {
  const open: Set<string>[] = [];
  const mark = /["{}]/g;
  for (let match = mark.exec(text); match !== null; match = mark.exec(text)) {
    if (match[0] === '{') open.push(new Set());
    else if (match[0] === '}') open.pop();
    else {
      const end = endOfString(text, match.index);
      mark.lastIndex = end;
      const colon = afterBlanks(text, end);
      if (text[colon] !== ':') continue;
      const name = JSON.parse(text.slice(match.index, end)) as string;
      const names = open.at(-1)!;
      if (names.has(name)) return name;
      names.add(name);
    }
  }
  return null;
}

/** The place behind the quotation mark that ends a string. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const next = text.indexOf('"', at);
    let backslashes = 0;
    while (text[next - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return next + 1;
    at = next;
  }
}

function afterBlanks(text: string, start: number): number {
  let at = start;
  while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++;
  return at;
}
