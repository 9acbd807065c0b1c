/** As much YAML as YOLO's data files use: keys of the top with a scalar, a list, or numbers with names. */

const unquoted = (text: string): string => {
  const trimmed = text.trim();
  const quoted = /^(["'])(.*)\1$/.exec(trimmed);
  return quoted === null ? trimmed : quoted[2]!.replaceAll(quoted[1]!.repeat(2), quoted[1]!);
};

/** Where the characters are that lie outside quotes. A quote that nothing closes is an apostrophe. */
function* unquotedPlaces(text: string): Generator<number> {
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    const close = char === '"' || char === "'" ? text.indexOf(char, i + 1) : -1;
    if (close < 0) yield i;
    else i = close;
  }
}

/** A line without its comment, which begins with '#' after a blank and outside quotes. */
function withoutComment(line: string): string {
  for (const i of unquotedPlaces(line))
    if (line[i] === '#' && (i === 0 || /\s/.test(line[i - 1]!))) return line.slice(0, i);
  return line;
}

/** The values of `[a, "b, c"]` or `{0: a, 1: b}`, in order. */
function flow(text: string): string[] {
  const inner = text.slice(1, text.lastIndexOf(text[0] === '[' ? ']' : '}'));
  const items: string[] = [];
  let start = 0;
  for (const i of unquotedPlaces(inner)) {
    if (inner[i] !== ',') continue;
    items.push(inner.slice(start, i));
    start = i + 1;
  }
  return [...items, inner.slice(start)]
    .map((item) => unquoted(text[0] === '[' ? item : item.replace(/^\s*["']?\d+["']?\s*:/, '')))
    .filter((item) => item !== '');
}

/** Each key of the top with its values, a scalar being one value. */
export function parseDataYaml(source: string): Map<string, string[]> {
  const out = new Map<string, string[]>();
  let open: string[] = [];
  let pending = '';
  let key = '';
  for (const raw of source.split(/\r?\n/)) {
    const line = withoutComment(raw).trimEnd();
    if (line.trim() === '' || line === '---') continue;
    if (pending !== '') {
      pending += ` ${line.trim()}`;
      if (!/[\]}]$/.test(line)) continue;
      out.set(key, flow(pending));
      pending = '';
      continue;
    }
    const top = /^([\w-]+)\s*:\s*(.*)$/.exec(line);
    if (top !== null) {
      key = top[1]!;
      const value = top[2]!.trim();
      open = [];
      if (/^[[{]/.test(value)) {
        if (/[\]}]$/.test(value)) out.set(key, flow(value));
        else pending = value;
      } else {
        out.set(key, value === '' ? open : [unquoted(value)]);
      }
      continue;
    }
    const item = /^\s*(?:-\s+|["']?\d+["']?\s*:\s*)(.*)$/.exec(line);
    if (item !== null) open.push(unquoted(item[1]!));
  }
  return out;
}
