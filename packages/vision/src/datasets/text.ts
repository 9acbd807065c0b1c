/** Text of annotation files, in the encoding that they declare. */

/** The declaration of an XML document names its encoding in ASCII, whatever comes after. */
const DECLARED = /^<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/;

function encodingOf(bytes: Uint8Array): string {
  const [a, b, c] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  // Without a mark the zeros of the first character tell.
  if (a === 0x3c && b === 0) return 'utf-16le';
  if (a === 0 && b === 0x3c) return 'utf-16be';
  const head = String.fromCharCode(...bytes.subarray(0, 200));
  const declared = DECLARED.exec(head)?.[1]?.toLowerCase() ?? 'utf-8';
  // Text that can be read as ASCII is not UTF-16, although some programs write so.
  return declared.startsWith('utf-16') ? 'utf-8' : declared;
}

/**
 * Decodes text by its byte order mark, by the encoding that an XML declaration names, or as UTF-8.
 *
 * @throws SyntaxError where the encoding is not known, or the bytes are not of it.
 */
export function decodeText(bytes: Uint8Array): string {
  const encoding = encodingOf(bytes);
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new SyntaxError(`it declares the encoding '${encoding}', which is not known; save it as UTF-8`);
  }
  try {
    return decoder.decode(bytes);
  } catch {
    throw new SyntaxError(
      `it is not ${encoding.toUpperCase()} text, which it must be by its mark, its declaration or without either; save it as UTF-8`,
    );
  }
}
