/** Duplicate names in JSON, which `JSON.parse` drops without a word. */

/**
 * The first name that some object of a JSON text has twice, or null.
 * @param text valid JSON (the caller has parsed it): so a string followed by a colon is a name, and braces match.
 */
export function duplicateKey(text: string): string | null {
  const open: Set<string>[] = [];
  const token = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[0] === '{') open.push(new Set());
    else if (match[0] === '}') open.pop();
    else if (match[1] !== undefined) {
      const name = JSON.parse(match[0].slice(0, -match[1].length)) as string;
      const names = open.at(-1)!;
      if (names.has(name)) return name;
      names.add(name);
    }
  }
  return null;
}
