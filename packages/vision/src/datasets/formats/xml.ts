/** As much XML as annotation files use: elements and text. Attributes are passed over, document types refused. */

export interface XmlElement {
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** The text in it, without that of its children, trimmed. */
  readonly text: string;
}

const ENTITIES = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

const resolveEntities = (text: string): string =>
  text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, name: string) => {
    if (name[0] !== '#') return ENTITIES.get(name) ?? whole;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

/** Annotations nest four deep; each level takes memory for as long as it is open. */
const DEEPEST = 64;

const TOKEN =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|([^<]+)/y;

/**
 * Parses a document.
 * @returns its root element.
 * @throws SyntaxError that says at which character the text is not well formed.
 */
export function parseXml(source: string): XmlElement {
  type Open = { name: string; children: XmlElement[]; text: string };
  const top: Open = { name: '', children: [], text: '' };
  const stack: Open[] = [top];
  const text = source.charCodeAt(0) === 0xfeff ? source.slice(1) : source;
  const token = new RegExp(TOKEN);
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null) throw new SyntaxError(`not well-formed XML at character ${at}`);
    const [, cdata, closing, name, , selfClosing, words] = match;
    const open = stack.at(-1)!;
    if (words !== undefined) open.text += resolveEntities(words);
    else if (cdata !== undefined) open.text += cdata;
    else if (name === undefined) continue;
    else if (closing === '/') {
      if (stack.length === 1 || open.name !== name) {
        throw new SyntaxError(`</${name}> at character ${at} closes <${open.name}>`);
      }
      stack.pop();
      stack.at(-1)!.children.push({ ...open, text: open.text.trim() });
    } else if (selfClosing === '/') open.children.push({ name, children: [], text: '' });
    else {
      if (stack.length > DEEPEST)
        throw new SyntaxError(`elements nested deeper than ${DEEPEST} at character ${at}`);
      stack.push({ name, children: [], text: '' });
    }
  }
  if (stack.length > 1) throw new SyntaxError(`the text ends inside <${stack.at(-1)!.name}>`);
  const [root] = top.children;
  if (root === undefined || top.children.length > 1 || top.text.trim() !== '') {
    throw new SyntaxError('expected one root element');
  }
  return root;
}

/** The first child of a name. */
export const child = (element: XmlElement, name: string): XmlElement | undefined =>
  element.children.find((candidate) => candidate.name === name);
