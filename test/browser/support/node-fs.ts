/** `node:fs` and `node:url` for test files in a page: fixtures come over HTTP, at once, as the tests read them. */

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i) & 255;
  return bytes;
};

export function readFileSync(path: string | URL, encoding?: string): string | Uint8Array<ArrayBuffer> {
  const request = new XMLHttpRequest();
  request.open('GET', String(path), false);
  // Of a synchronous request a page gets text only; this charset leaves the bytes as they are.
  request.overrideMimeType('text/plain; charset=x-user-defined');
  request.send();
  if (request.status !== 200) throw new Error(`${path}: HTTP ${request.status}`);
  const bytes = bytesOf(request.responseText);
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}

export const fileURLToPath = (url: string | URL): string => new URL(url).pathname;
