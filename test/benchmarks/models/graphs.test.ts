import { expect } from 'chai';
import { flopsOf, single } from '../../../benchmarks/models/graph.ts';
import { graphOf } from '../../../benchmarks/models/index.ts';
import { drawParam } from '../../../benchmarks/models/weights.ts';
import { readJson } from '../../support/goldens.ts';

/** Names and shapes of the parameters of ChainerCV's models, which chaingrad's have too. */
const recorded =
  readJson<Record<string, { namedparams: [name: string, shape: number[], dtype: string][] }>>(
    'goldens/namedparams.json',
  );

describe('benchmarks/models/graphs', () => {
  for (const [name, model] of [
    ['ssd300', 'SSD300(20)'],
    ['ssd512', 'SSD512(20)'],
    ['vgg16', 'VGG16(1000)'],
  ] as const)
    it(`${name} has the parameters of ${model}`, () => {
      const graph = graphOf(name);
      const ours = [...graph.params].map(([path, shape]) => [`/${path}`, [...shape]]);
      const theirs = recorded[model]!.namedparams.map(([path, shape]) => [path, shape]);
      expect(ours).to.have.deep.members(theirs);
    });

  it('has the boxes and feature maps of SSD300', () => {
    const graph = graphOf('ssd300');
    const shape = (name: string) => graph.nodes.find((node) => node.name === name)!.shape;
    expect(shape('mb_locs')).to.deep.equal([1, 8732, 4]);
    expect(shape('mb_confs')).to.deep.equal([1, 8732, 21]);
    expect(shape('extractor/conv4_3')).to.deep.equal([38, 38, 512]);
    expect(shape('extractor/conv11_2')).to.deep.equal([1, 1, 256]);
  });

  it('has the boxes of SSD512 and of SSDMobileNetV2', () => {
    for (const [name, count] of [
      ['ssd512', 24564],
      ['ssd-mobilenet-v2', 19 * 19 * 3 + (100 + 25 + 9 + 4 + 1) * 6],
    ] as const) {
      const boxes = graphOf(name).nodes.find((node) => node.name === 'mb_locs')!;
      expect(boxes.shape, name).to.deep.equal([1, count, 4]);
    }
  });

  it('counts the operations of VGG16 as the literature does', () => {
    const total = graphOf('vgg16').nodes.reduce((sum, node) => sum + flopsOf(node), 0);
    // 15.47 G multiply-adds.
    expect(total / 2e9).to.be.closeTo(15.47, 0.01);
  });

  it('takes one layer out of a graph, with its parameters and its input', () => {
    const graph = graphOf('ssd300');
    const node = graph.nodes.find(({ name }) => name === 'extractor/conv6')!;
    if (node.op !== 'conv') throw new Error('conv6 is a convolution');
    const alone = single(graph, node);
    expect(alone.input).to.deep.equal([19, 19, 512]);
    expect([...alone.params]).to.deep.equal([
      ['extractor/conv6/W', [1024, 512, 3, 3]],
      ['extractor/conv6/b', [1024]],
    ]);
  });

  it('draws the same parameters each time, of a size that keeps activations', () => {
    const graph = graphOf('small');
    const W = drawParam(graph, 'conv3/W');
    expect(W).to.deep.equal(drawParam(graph, 'conv3/W'));
    expect(W).not.to.deep.equal(drawParam(graph, 'conv2/W').slice(0, W.length));
    const meanSquare = W.reduce((sum, v) => sum + v * v, 0) / W.length;
    // He et al.: the variance is 2 / fan-in.
    expect(meanSquare / (2 / (64 * 9))).to.be.closeTo(1, 0.02);
    expect(() => graphOf('nope')).to.throw("no model 'nope'");
  });
});
