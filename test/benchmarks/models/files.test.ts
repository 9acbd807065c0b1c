import { fromBinary, ModelProtoSchema, type TensorShapeProto, type ValueInfoProto } from '@chaingrad/onnx';
import { openWeights } from '@chaingrad/weights';
import { expect } from 'chai';
import { graphOf } from '../../../benchmarks/models/index.ts';
import { tfjsLayout } from '../../../benchmarks/models/layouts.ts';
import { onnxBytes } from '../../../benchmarks/models/onnx.ts';
import { readSafetensors, safetensorsHeader } from '../../../benchmarks/models/safetensors.ts';
import { drawParam } from '../../../benchmarks/models/weights.ts';

describe('benchmarks/models/files', () => {
  const graph = graphOf('small');

  it('writes an ONNX model: operations in order, attributes, parameters, open batch size', () => {
    const { opsetImport, graph: onnx } = fromBinary(
      ModelProtoSchema,
      onnxBytes(graph, (name) => drawParam(graph, name)),
    );
    expect(opsetImport.map(({ version }) => version)).to.deep.equal([17n]);
    const layers = ['Conv', 'Relu', 'Conv', 'Relu', 'Conv', 'Relu', 'Conv', 'Relu', 'Conv', 'Relu'];
    expect(onnx!.node.map(({ opType }) => opType)).to.deep.equal([...layers, 'Flatten', 'Gemm']);
    const attributes = new Map(
      onnx!.node[2]!.attribute.map(({ name, ints, i }) => [name, ints.length > 0 ? ints : i]),
    );
    expect(attributes.get('strides')).to.deep.equal([2n, 2n]);
    expect(attributes.get('pads')).to.deep.equal([1n, 1n, 1n, 1n]);
    expect(attributes.get('group')).to.equal(1n);
    const W = onnx!.initializer.find(({ name }) => name === 'conv2/W')!;
    expect(W.dims).to.deep.equal([64n, 32n, 3n, 3n]);
    expect(new Float32Array(W.rawData.slice().buffer)).to.deep.equal(drawParam(graph, 'conv2/W'));
    const [{ name, type }] = onnx!.input as [ValueInfoProto];
    expect(name).to.equal('x');
    const { shape } = type!.value.value as { shape?: TensorShapeProto };
    expect(shape!.dim.map(({ value }) => value.value)).to.deep.equal(['N', 3n, 32n, 32n]);
  });

  it('feeds the last value of every node chain to an output that exists', () => {
    for (const name of ['ssd300', 'ssd-mobilenet-v2']) {
      // Only the structure: the parameters have no values here.
      const bytes = onnxBytes(graphOf(name), () => new Float32Array(0));
      const { node, initializer, output } = fromBinary(ModelProtoSchema, bytes).graph!;
      const known = new Set(['x', ...initializer.map((each) => each.name)]);
      for (const each of node) {
        for (const input of each.input) expect(known, each.name).to.include(input);
        known.add(each.output[0]!);
      }
      for (const each of output) expect(known).to.include(each.name);
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
