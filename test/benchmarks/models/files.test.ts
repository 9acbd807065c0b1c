import { openWeights } from '@chaingrad/weights';
import { expect } from 'chai';
import { graphOf } from '../../../benchmarks/models/index.ts';
import { tfjsLayout } from '../../../benchmarks/models/layouts.ts';
import { onnxBytes } from '../../../benchmarks/models/onnx.ts';
import { readSafetensors, safetensorsHeader } from '../../../benchmarks/models/safetensors.ts';
import { drawParam } from '../../../benchmarks/models/weights.ts';

type Field = number | bigint | Uint8Array<ArrayBuffer>;

/** The fields of a protobuf message by their numbers. */
function fields(bytes: Uint8Array<ArrayBuffer>): Map<number, Field[]> {
  const found = new Map<number, Field[]>();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    let value: Field;
    if (tag % 8 === 0) value = varint();
    else {
      expect(tag % 8, 'wire type').to.equal(2);
      const length = Number(varint());
      value = bytes.slice(at, at + length);
      at += length;
    }
    found.set(tag >> 3, [...(found.get(tag >> 3) ?? []), value]);
  }
  expect(at).to.equal(bytes.length);
  return found;
}

const text = (value: Field | undefined) => new TextDecoder().decode(value as Uint8Array);
const all = (message: Map<number, Field[]>, field: number) =>
  (message.get(field) ?? []).map((value) => fields(value as Uint8Array<ArrayBuffer>));

describe('benchmarks/models/files', () => {
  const graph = graphOf('small');

  it('writes an ONNX model: operations in order, attributes, parameters, open batch size', () => {
    const model = fields(onnxBytes(graph, (name) => drawParam(graph, name)));
    const [opset] = all(model, 8);
    expect(opset!.get(2)).to.deep.equal([17n]);
    const [onnx] = all(model, 7);
    const nodes = all(onnx!, 1);
    const layers = ['Conv', 'Relu', 'Conv', 'Relu', 'Conv', 'Relu', 'Conv', 'Relu', 'Conv', 'Relu'];
    expect(nodes.map((node) => text(node.get(4)![0]))).to.deep.equal([...layers, 'Flatten', 'Gemm']);
    const attributes = new Map(
      all(nodes[2]!, 5).map((attribute) => [
        text(attribute.get(1)![0]),
        attribute.get(8) ?? attribute.get(3),
      ]),
    );
    expect(attributes.get('strides')).to.deep.equal([2n, 2n]);
    expect(attributes.get('pads')).to.deep.equal([1n, 1n, 1n, 1n]);
    expect(attributes.get('group')).to.deep.equal([1n]);

    const tensors = new Map(all(onnx!, 5).map((tensor) => [text(tensor.get(8)![0]), tensor]));
    const W = tensors.get('conv2/W')!;
    expect(W.get(1)).to.deep.equal([64n, 32n, 3n, 3n]);
    const raw = W.get(9)![0] as Uint8Array<ArrayBuffer>;
    expect(new Float32Array(raw.buffer)).to.deep.equal(drawParam(graph, 'conv2/W'));

    const [input] = all(onnx!, 11);
    expect(text(input!.get(1)![0])).to.equal('x');
    const tensorType = all(all(input!, 2)[0]!, 1)[0]!;
    const dims = all(all(tensorType, 2)[0]!, 1);
    expect(text(dims[0]!.get(2)![0])).to.equal('N');
    expect(dims.slice(1).map((dim) => dim.get(1)![0])).to.deep.equal([3n, 32n, 32n]);
  });

  it('feeds the last value of every node chain to an output that exists', () => {
    for (const name of ['ssd300', 'ssd-mobilenet-v2']) {
      const large = graphOf(name);
      // Only the structure: the parameters have no values here.
      const [onnx] = all(fields(onnxBytes(large, () => new Float32Array(0))), 7);
      const known = new Set(['x', ...all(onnx!, 5).map((tensor) => text(tensor.get(8)![0]))]);
      for (const node of all(onnx!, 1)) {
        for (const input of node.get(1)!) expect(known, text(node.get(3)![0])).to.include(text(input));
        known.add(text(node.get(2)![0]));
      }
      for (const output of all(onnx!, 12)) expect(known).to.include(text(output.get(1)![0]));
    }
  });

  it('writes safetensors that chaingrad and the peers read', async () => {
    const names = ['conv1/W', 'fc/b'];
    const values = names.map((name) => drawParam(graph, name));
    const header = safetensorsHeader(names.map((name) => [name, graph.params.get(name)!] as const));
    const bytes = new Uint8Array(header.length + 4 * (values[0]!.length + values[1]!.length));
    bytes.set(header);
    let at = header.length;
    for (const value of values) {
      bytes.set(new Uint8Array(value.buffer), at);
      at += value.byteLength;
    }
    await using file = await openWeights(bytes);
    const peers = readSafetensors(bytes);
    for (const [i, name] of names.entries()) {
      expect((await file.info(name)).shape).to.deep.equal(graph.params.get(name));
      expect(peers.get(name)!.shape).to.deep.equal(graph.params.get(name));
      expect(peers.get(name)!.data).to.deep.equal(values[i]);
    }
  });

  it('turns filters and dense weights into the layout of tfjs', () => {
    const W = drawParam(graph, 'conv2/W');
    const hwio = tfjsLayout(graph, 'conv2/W', W);
    expect(hwio.shape).to.deep.equal([3, 3, 32, 64]);
    // (o, i, y, x) = (5, 7, 1, 2)
    expect(hwio.data[((1 * 3 + 2) * 32 + 7) * 64 + 5]).to.equal(W[((5 * 32 + 7) * 3 + 1) * 3 + 2]);
    const fc = drawParam(graph, 'fc/W');
    const dense = tfjsLayout(graph, 'fc/W', fc);
    expect(dense.shape).to.deep.equal([8 * 8 * 128, 10]);
    // Out 3, of the pixel (2, 4) the channel 9.
    expect(dense.data[((2 * 8 + 4) * 128 + 9) * 10 + 3]).to.equal(fc[3 * 8192 + 9 * 64 + 2 * 8 + 4]);
  });
});
