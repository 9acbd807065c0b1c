/** 16-bit floats, kept as their bits in a Uint16Array: JavaScript has no typed array for either kind. */

const word = new Uint32Array(1);
const real = new Float32Array(word.buffer);

/** The float32 value of IEEE binary16 bits; exact, NaN and infinities included. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The nearest IEEE binary16 bits of a number, ties to even; too large becomes infinity. */
export function floatToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  // Below 2**-14 halves are multiples of 2**-24; above, of 2**(exponent - 10). Both are one rounding to even.
  if (size < 2 ** -14) return sign | roundToEven(size * 2 ** 24);
  if (size >= 65520) return sign | 0x7c00;
  let exponent = Math.floor(Math.log2(size));
  if (2 ** exponent > size) exponent--;
  else if (2 ** (exponent + 1) <= size) exponent++;
  // A fraction that rounds up to 1024 carries into the exponent, as it should.
  return sign | (((exponent + 15) << 10) + roundToEven((size / 2 ** exponent - 1) * 1024));
}

/** The float32 value of bfloat16 bits (the upper half of a float32); exact. */
export function bfloatToFloat(bits: number): number {
  word[0] = bits << 16;
  return real[0]!;
}

/** The nearest bfloat16 bits of a number (rounded to float32 first), ties to even. */
export function floatToBfloat(value: number): number {
  real[0] = value;
  const bits = word[0]!;
  if (Number.isNaN(real[0])) return ((bits >>> 16) | 0x40) & 0xffff;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The float32 values of an array of binary16 bits: through a table, as weight files have millions. */
export function halvesToFloats(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const table = halfTable();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!;
  return out;
}

let cachedTable: Float32Array | undefined;

function halfTable(): Float32Array {
  if (cachedTable === undefined) cachedTable = Float32Array.from({ length: 65536 }, (_, i) => halfToFloat(i));
  return cachedTable;
}

function roundToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}
