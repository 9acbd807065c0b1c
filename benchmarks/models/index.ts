/** The networks that are measured. Names and shapes of parameters are those of chaingrad's models. */
import { type Graph, GraphBuilder } from './graph.ts';

type Cells = readonly number[];

/** The layers of VGG-16 up to conv4_3, under `prefix`. */
function vggStages(g: GraphBuilder, path: (name: string) => string): string {
  const conv = (x: string, name: string, out: number) =>
    g.conv(x, path(name), out, 3, { pad: 1, act: 'relu' });
  let h = conv(conv('x', 'conv1_1', 64), 'conv1_2', 64);
  h = g.maxpool(h, 2);
  h = conv(conv(h, 'conv2_1', 128), 'conv2_2', 128);
  h = g.maxpool(h, 2);
  h = conv(conv(conv(h, 'conv3_1', 256), 'conv3_2', 256), 'conv3_3', 256);
  h = g.maxpool(h, 2);
  return conv(conv(conv(h, 'conv4_1', 512), 'conv4_2', 512), 'conv4_3', 512);
}

/** The heads of an SSD over its feature maps: offsets and class outputs of all boxes. */
function heads(
  g: GraphBuilder,
  maps: readonly string[],
  cells: Cells,
  classes: number,
  ksize: number,
): Graph {
  const pad = (ksize - 1) / 2;
  const each = (kind: string, values: number) =>
    maps.map((map, i) => g.conv(map, `multibox/${kind}/${i}`, cells[i]! * values, ksize, { pad }));
  const loc = g.boxes('mb_locs', each('loc', 4), 4);
  const conf = g.boxes('mb_confs', each('conf', classes), classes);
  return g.build([loc, conf]);
}

function ssdVgg(insize: 300 | 512): Graph {
  const g = new GraphBuilder(`ssd${insize}`, [insize, insize, 3]);
  const path = (name: string) => `extractor/${name}`;
  const act = 'relu';
  let h = vggStages(g, path);
  const maps = [g.l2norm(h, path('norm4'))];
  h = g.maxpool(h, 2);
  for (const name of ['conv5_1', 'conv5_2', 'conv5_3']) h = g.conv(h, path(name), 512, 3, { pad: 1, act });
  h = g.maxpool(h, 3, 1, 1);
  h = g.conv(h, path('conv6'), 1024, 3, { pad: 6, dilate: 6, act });
  h = g.conv(h, path('conv7'), 1024, 1, { act });
  maps.push(h);
  const wide = { stride: 2, pad: 1 };
  const extras =
    insize === 300
      ? ([
          [8, 256, 512, 3, wide],
          [9, 128, 256, 3, wide],
          [10, 128, 256, 3, {}],
          [11, 128, 256, 3, {}],
        ] as const)
      : ([
          ...([
            [8, 256, 512, 3, wide],
            [9, 128, 256, 3, wide],
            [10, 128, 256, 3, wide],
          ] as const),
          ...([
            [11, 128, 256, 3, wide],
            [12, 128, 256, 4, { pad: 1 }],
          ] as const),
        ] as const);
  for (const [n, middle, out, ksize, options] of extras) {
    h = g.conv(h, path(`conv${n}_1`), middle, 1, { act });
    h = g.conv(h, path(`conv${n}_2`), out, ksize, { ...options, act });
    maps.push(h);
  }
  return heads(g, maps, insize === 300 ? [4, 6, 6, 6, 4, 4] : [4, 6, 6, 6, 6, 4, 4], 21, 3);
}

function vgg16(): Graph {
  const g = new GraphBuilder('vgg16', [224, 224, 3]);
  const path = (name: string) => `${name}/conv`;
  let h = g.maxpool(vggStages(g, path), 2);
  for (const name of ['conv5_1', 'conv5_2', 'conv5_3'])
    h = g.conv(h, path(name), 512, 3, { pad: 1, act: 'relu' });
  h = g.maxpool(h, 2);
  h = g.dense(g.dense(h, 'fc6', 4096, 'relu'), 'fc7', 4096, 'relu');
  return g.build([g.softmax(g.dense(h, 'fc8', 1000))]);
}

/** The convolutions of VGG-16 on images of another size: how the cost grows. */
function vggConvs(size: number): Graph {
  const g = new GraphBuilder(`vgg-convs-${size}`, [size, size, 3]);
  let h = g.maxpool(
    vggStages(g, (name) => name),
    2,
  );
  for (const name of ['conv5_1', 'conv5_2', 'conv5_3']) h = g.conv(h, name, 512, 3, { pad: 1, act: 'relu' });
  return g.build([h]);
}

function mobilenet(): Graph {
  const g = new GraphBuilder('ssd-mobilenet-v2', [300, 300, 3]);
  const conv = (
    x: string,
    name: string,
    out: number,
    ksize: number,
    stride = 1,
    groups = 1,
    linear = false,
  ) =>
    g.conv(x, `extractor/${name}`, out, ksize, {
      ...{ stride, groups, pad: 'same', act: linear ? null : 'relu6' },
    });
  // [expansion, out-channels, blocks, stride of the first], Sandler et al. (2018), table 2.
  const stages = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ] as const;
  const maps: string[] = [];
  let h = conv('x', 'conv0', 32, 3, 2);
  let block = 0;
  for (const [expansion, out, count, first] of stages) {
    for (let i = 0; i < count; i++, block++) {
      const inChannels = g.shape(h)[2];
      const [stride, width, name] = [i === 0 ? first : 1, inChannels * expansion, `blocks/${block}`];
      const expanded = expansion === 1 ? h : conv(h, `${name}/expand`, width, 1);
      if (block === 13) maps.push(expanded);
      const depthwise = conv(expanded, `${name}/dw`, width, 3, stride, width);
      const y = conv(depthwise, `${name}/project`, out, 1, 1, 1, true);
      h = stride === 1 && inChannels === out ? g.add(h, y) : y;
    }
  }
  h = conv(h, 'conv1', 1280, 1);
  maps.push(h);
  const extras = [
    [256, 512],
    [128, 256],
    [128, 256],
    [64, 128],
  ] as const;
  extras.forEach(([middle, out], i) => {
    h = conv(conv(h, `extras/${i}/conv1`, middle, 1), `extras/${i}/conv2`, out, 3, 2);
    maps.push(h);
  });
  return heads(g, maps, [3, 6, 6, 6, 6, 6], 24, 1);
}

/** Small enough for libraries that need seconds for what others do in milliseconds; no pooling, which not all can train. */
function small(): Graph {
  const g = new GraphBuilder('small', [32, 32, 3]);
  const conv = (x: string, name: string, out: number, stride = 1) =>
    g.conv(x, name, out, 3, { stride, pad: 1, act: 'relu' });
  let h = conv('x', 'conv1', 32);
  h = conv(conv(h, 'conv2', 64, 2), 'conv3', 64);
  h = conv(conv(h, 'conv4', 128, 2), 'conv5', 128);
  return g.build([g.dense(h, 'fc', 10)]);
}

/** Of face-api.js, which brings networks of its own, and a photo: nothing to build, nothing to feed. */
const faces = () => new GraphBuilder('faces', [1, 1, 3]).build([]);

const makers: Readonly<Record<string, () => Graph>> = {
  ssd300: () => ssdVgg(300),
  ssd512: () => ssdVgg(512),
  vgg16,
  'ssd-mobilenet-v2': mobilenet,
  'vgg-convs-96': () => vggConvs(96),
  'vgg-convs-160': () => vggConvs(160),
  'vgg-convs-224': () => vggConvs(224),
  'vgg-convs-320': () => vggConvs(320),
  small,
  faces,
};

export const modelNames: readonly string[] = Object.keys(makers);

/** The graph of a model by name. */
export function graphOf(name: string): Graph {
  const make = makers[name];
  if (make === undefined) throw new Error(`no model '${name}'; there are ${modelNames.join(', ')}`);
  return make();
}
