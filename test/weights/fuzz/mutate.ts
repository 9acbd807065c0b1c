/** Damage of every kind, the same for the same seed. */

/** Numbers in [0, 1) by a 32-bit generator (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Numbers at which readers break: ends of ranges, and sizes that overflow when multiplied. */
const evil = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 4194305];
const evilTexts = [
  '211106198978564',
  '-1',
  '1e999',
  '9007199254740993',
  '18446744073709551615',
  '0',
  'NaN',
  'null',
  '[]',
  '{}',
  '""',
  '[4194305, 4194305, 211106198978564]',
  '"F8_E5M2"',
  "'O'",
  "'<U0'",
  '..',
  '/etc/passwd',
  '\0',
];

/**
 * A damaged copy: one to four changes, mostly small ones.
 * @param other bytes of another file, to splice in.
 */
export function mutate(
  bytes: Uint8Array,
  random: () => number,
  other: Uint8Array = bytes,
): Uint8Array<ArrayBuffer> {
  let out = new Uint8Array(bytes);
  const at = (length: number) => Math.floor(random() * length);
  const changes = 1 + Math.floor(random() ** 3 * 4);
  for (let i = 0; i < changes && out.length > 0; i++) {
    // Headers lie at both ends; most damage goes there.
    const near =
      random() < 0.5
        ? at(Math.min(out.length, 200))
        : Math.max(0, out.length - 1 - at(Math.min(out.length, 600)));
    const place = random() < 0.6 ? near : at(out.length);
    switch (at(9)) {
      case 0:
        out[place]! ^= 1 << at(8);
        break;
      case 1:
        out[place] = at(256);
        break;
      case 2:
        out = out.slice(0, place);
        break;
      case 3:
        out = join(out.subarray(0, place), out.subarray(Math.min(out.length, place + 1 + at(40))));
        break;
      case 4:
        out = join(out.subarray(0, place), out.subarray(place, place + 1 + at(100)), out.subarray(place));
        break;
      case 5: {
        const width = [1, 2, 4, 8][at(4)]!;
        const value = evil[at(evil.length)]!;
        for (let k = 0; k < width && place + k < out.length; k++)
          out[place + k] = Math.floor(value / 2 ** (8 * k)) & 255;
        if (width === 8 && random() < 0.5) out.fill(255, place, place + 8);
        break;
      }
      case 6: {
        const text = new TextEncoder().encode(evilTexts[at(evilTexts.length)]!);
        out = join(
          out.subarray(0, place),
          text,
          out.subarray(Math.min(out.length, place + (random() < 0.5 ? text.length : 0))),
        );
        break;
      }
      case 7: {
        const from = at(other.length);
        out = join(out.subarray(0, place), other.subarray(from, from + 1 + at(200)), out.subarray(place));
        break;
      }
      default:
        out.copyWithin(place, at(out.length), at(out.length));
    }
  }
  return out;
}

export function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
