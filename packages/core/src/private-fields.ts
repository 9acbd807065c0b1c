/**
 * What the source text of a class tells of its `#private` names, which no reflection shows. The language keeps the text of
 * every class (`Function.prototype.toString`), also in minified bundles.
 */

export interface PrivateFields {
  /** The names of instances: fields, methods and accessors. Those of the class itself (`static #x`) are left out. */
  readonly names: readonly string[];
  /** Whether a field is assigned anywhere but at its declaration. */
  readonly assigned: boolean;
  /** Whether the constructor declares parameters other than a rest parameter. */
  readonly takesArguments: boolean;
}

type Class = abstract new (...args: never[]) => object;

const known = new WeakMap<Class, PrivateFields>();

/** What compilers make of `#private` for engines without it: its names are gone, its values lie in WeakMaps. */
const LOWERED = /__classPrivateField(?:Get|Set|In)|__private(?:Get|Set|Add|Method|In)\b|_classPrivate\w+/;

export function privateFields(type: Class): PrivateFields {
  let fields = known.get(type);
  if (fields === undefined) {
    fields = parse(code(Function.prototype.toString.call(type)));
    known.set(type, fields);
  }
  return fields;
}

function parse(source: string): PrivateFields {
  const ofClass = new Set(
    [...source.matchAll(/\bstatic\b\s*(?:(?:async|get|set)\b)?\s*\*?\s*#([\w$]+)/g)].map((m) => m[1]!),
  );
  const text = source.replaceAll(/#([\w$]+)/g, (name, bare: string) => (ofClass.has(bare) ? bare : name));
  const names = new Set([...text.matchAll(/#([\w$]+)/g)].map((m) => m[1]!));
  const lowered = LOWERED.test(text);
  if (lowered) names.add('(compiled to WeakMaps)');
  const assigned =
    /\.\s*#[\w$]+\s*(?:=(?!=|>)|\+\+|--|(?:\*\*|<<|>>>?|&&|\|\||\?\?|[-+*/%&|^])=)/.test(text) ||
    /(?:\+\+|--)\s*[\w$.]+\.\s*#/.test(text) ||
    /[[{,:]\s*(?:\.\.\.)?[\w$.]+\.\s*#[\w$]+\s*[\]},](?:[^;=]*[\]}])?\s*=(?!=|>)/.test(text);
  const parameters = /(?<![.\w$#])constructor\s*\(\s*([^)]?)/.exec(text)?.[1] ?? '';
  const takesArguments = parameters !== '' && parameters !== '.';
  return { names: [...names], assigned: assigned || lowered, takesArguments };
}

/** Whether a slash after this text begins a regular expression, not a division. */
const beforeRegExp = (text: string): boolean =>
  /(?:^|[([{,;:=!&|?+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|delete|throw|new|await|yield))\s*$/.test(
    text.trimEnd().slice(-16),
  );

/** The source without comments and without the text of strings, templates and regular expressions. */
function code(source: string): string {
  let out = '';
  /** For each open `${` of a template: how many braces are open in it. */
  const templates: number[] = [];
  let i = 0;
  const skipTo = (end: RegExp): void => {
    end.lastIndex = i;
    const match = end.exec(source);
    i = match === null ? source.length : end.lastIndex;
  };
  const template = (): void => {
    skipTo(/(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y);
    if (source[i - 1] === '{') templates.push(0);
    out += '""';
  };
  while (i < source.length) {
    const c = source[i]!;
    if (source.startsWith('//', i)) skipTo(/.*/y);
    else if (source.startsWith('/*', i)) skipTo(/[\s\S]*?\*\//y);
    else if (c === "'" || c === '"') {
      skipTo(c === "'" ? /'(?:[^'\\]|\\[\s\S])*'/y : /"(?:[^"\\]|\\[\s\S])*"/y);
      out += '""';
    } else if (c === '`') {
      i++;
      template();
    } else if (c === '/' && beforeRegExp(out)) {
      skipTo(/\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y);
      out += '""';
    } else if (c === '}' && templates.at(-1) === 0) {
      templates.pop();
      i++;
      template();
    } else {
      if (templates.length > 0 && (c === '{' || c === '}'))
        templates[templates.length - 1]! += c === '{' ? 1 : -1;
      out += c;
      i++;
    }
  }
  return out;
}
