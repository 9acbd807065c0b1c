/** A reader of the one Python literal in an npy header: a flat dictionary. Nothing is evaluated. */

export type PythonLiteral = string | number | boolean | null | readonly PythonLiteral[];

const token = /\s*(?:('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(\d+)L?|(True|False|None)|([{}()[\],:]))/y;

/** npy headers nest at most a structured type in a list in the dictionary; deeper is an attack on the stack. */
const maxDepth = 8;

/**
 * Parses `{'key': value, ...}` where values are strings, integers, booleans, None, tuples and lists.
 * @throws SyntaxError for anything else, also for a key that is given twice.
 */
export function parsePythonDict(text: string): Map<string, PythonLiteral> {
  const reader = new Reader(text);
  const dict = new Map<string, PythonLiteral>();
  reader.expect('{');
  while (!reader.accept('}')) {
    const key = reader.value(0);
    if (typeof key !== 'string') throw new SyntaxError('a dictionary key that is not a string');
    if (dict.has(key)) throw new SyntaxError(`the key '${key}' twice`);
    reader.expect(':');
    dict.set(key, reader.value(0));
    if (!reader.accept(',')) {
      reader.expect('}');
      break;
    }
  }
  if (text.slice(reader.position).trim() !== '') throw new SyntaxError('text after the dictionary');
  return dict;
}

class Reader {
  position = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  expect(mark: string): void {
    if (!this.accept(mark)) throw new SyntaxError(`no '${mark}' at character ${this.position}`);
  }

  accept(mark: string): boolean {
    const start = this.position;
    if (this.#next()?.[4] === mark) return true;
    this.position = start;
    return false;
  }

  value(depth: number): PythonLiteral {
    if (depth > maxDepth) throw new SyntaxError('too deep a nesting');
    const match = this.#next();
    if (match?.[1] !== undefined) return match[1].slice(1, -1);
    if (match?.[2] !== undefined) return Number(match[2]);
    if (match?.[3] !== undefined) return match[3] === 'None' ? null : match[3] === 'True';
    if (match?.[4] === '(') return this.#items(')', depth);
    if (match?.[4] === '[') return this.#items(']', depth);
    throw new SyntaxError(`no value at character ${this.position}`);
  }

  #items(end: string, depth: number): PythonLiteral[] {
    const items: PythonLiteral[] = [];
    while (!this.accept(end)) {
      items.push(this.value(depth + 1));
      if (!this.accept(',')) {
        this.expect(end);
        break;
      }
    }
    return items;
  }

  #next(): RegExpExecArray | null {
    token.lastIndex = this.position;
    const match = token.exec(this.#text);
    if (match !== null) this.position = token.lastIndex;
    return match;
  }
}
