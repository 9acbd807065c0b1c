/** What a file may cost to decode: a small file could unfold to many objects, or nest until the stack is full. */
import { FormatError } from '@chaingrad/core';

/** Messages within messages; a graph in an attribute of a node of a graph ... takes three a level. */
const deepest = 64;
/** Objects that a message makes; a network of ten thousand nodes has some hundred thousand. */
const mostMessages = 4_000_000;
/** The fewest bytes that a message has on average, and those that become large objects at least: a node has an operator and an output. */
const fewestBytes = 4;
const least: Readonly<Record<string, number>> = { node: 6, attribute: 3, tensor: 4, info: 3, graph: 2 };

/** Fields that hold messages, by the message and the field's number, and which message that is. Schema: onnx.proto of ONNX. */
const nested: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: 'graph', 8: 'opset', 14: 'entry', 20: 'training', 25: 'function', 26: 'device' },
  training: { 1: 'graph', 2: 'graph', 3: 'entry', 4: 'entry' },
  graph: {
    1: 'node',
    5: 'tensor',
    11: 'info',
    12: 'info',
    13: 'info',
    14: 'annotation',
    15: 'sparse',
    16: 'entry',
  },
  node: { 5: 'attribute', 9: 'entry', 10: 'sharding' },
  attribute: {
    5: 'tensor',
    6: 'graph',
    10: 'tensor',
    11: 'graph',
    14: 'type',
    15: 'type',
    22: 'sparse',
    23: 'sparse',
  },
  tensor: { 3: 'opset', 13: 'entry', 16: 'entry' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  info: { 2: 'type', 4: 'entry' },
  type: { 1: 'arrayType', 4: 'innerType', 5: 'mapType', 8: 'arrayType', 9: 'innerType' },
  arrayType: { 2: 'shape' },
  innerType: { 1: 'type' },
  mapType: { 2: 'type' },
  shape: { 1: 'opset' },
  function: { 7: 'node', 9: 'opset', 11: 'attribute', 12: 'info', 14: 'entry' },
  annotation: { 2: 'entry' },
};

/**
 * Walks over a message without making anything of it.
 * @throws FormatError when it is cut off, nested too deeply, or of too many parts.
 */
export function checkWire(bytes: Uint8Array<ArrayBuffer>, file: string): void {
  let at = 0;
  let messages = 0;
  const fail = (expected: string, got: string): never => {
    throw new FormatError(
      { file },
      expected,
      got,
      'Is it an ONNX file? Otherwise it is damaged: fetch or write it again.',
    );
  };
  const varint = (end: number): number => {
    let value = 0;
    for (let shift = 0; shift < 10; shift++) {
      if (at >= end) fail('an ONNX model', `its end at byte ${end}`);
      const byte = bytes[at++]!;
      // Lengths beyond 2^53 are beyond the file, too.
      value += (byte & 127) * 2 ** (7 * shift);
      if (byte < 128) return value;
    }
    return fail('an ONNX model', `a number of more than ten bytes at byte ${at}`);
  };
  const walk = (message: string, end: number, depth: number): void => {
    if (++messages > Math.min(mostMessages, 64 + bytes.length / fewestBytes))
      fail(`at most ${mostMessages} parts, of ${fewestBytes} bytes or more`, 'more');
    if (end - at < (least[message] ?? 0))
      fail(`a ${message} of at least ${least[message]} bytes`, `${end - at}`);
    if (depth > deepest) fail(`parts nested at most ${deepest} deep`, 'deeper ones');
    const fields = nested[message] ?? {};
    while (at < end) {
      const tag = varint(end);
      const [field, wire] = [Math.floor(tag / 8), tag % 8];
      if (wire === 0) varint(end);
      else if (wire === 1) at += 8;
      else if (wire === 5) at += 4;
      else if (wire === 2) {
        const length = varint(end);
        const stop = at + length;
        if (stop > end) fail('an ONNX model', `a part of ${length} bytes at byte ${at} of ${bytes.length}`);
        const inner = fields[field];
        if (inner === undefined) at = stop;
        else walk(inner, stop, depth + 1);
        if (at !== stop) fail('an ONNX model', `a part that does not end at byte ${stop}`);
      } else fail('an ONNX model', `a field of kind ${wire} at byte ${at}`);
      if (at > end) fail('an ONNX model', `a field that ends beyond byte ${end}`);
    }
  };
  walk('model', bytes.length, 0);
}
