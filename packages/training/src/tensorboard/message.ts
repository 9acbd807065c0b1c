/** Writes protobuf messages, field by field: the events have few, so that no library is needed for them. */
export class Message {
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];

  /** An int32, int64 or enum that is not negative. */
  int(field: number, value: number): this {
    return this.#push(...varint(8 * field), ...varint(value));
  }

  double(field: number, value: number): this {
    return this.#push(...varint(8 * field + 1)).#raw(doubles([value]));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(...varint(8 * field + 5)).#raw(bytes);
  }

  /** A list in one piece ("packed"). */
  doubles(field: number, values: readonly number[]): this {
    return this.bytes(field, doubles(values));
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  bytes(field: number, value: Uint8Array<ArrayBuffer>): this {
    return this.#push(...varint(8 * field + 2), ...varint(value.length)).#raw(value);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return joined(this.#parts);
  }

  #push(...bytes: number[]): this {
    return this.#raw(Uint8Array.from(bytes));
  }

  #raw(bytes: Uint8Array<ArrayBuffer>): this {
    this.#parts.push(bytes);
    return this;
  }
}

function* varint(value: number): Generator<number> {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) yield (rest % 128) + 128;
  yield rest;
}

function doubles(values: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setFloat64(8 * i, value, true);
  return bytes;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
