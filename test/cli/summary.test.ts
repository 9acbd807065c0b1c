import { expect } from 'chai';
import { readJson } from '../support/goldens.ts';
import { chaingrad } from './support.ts';

/** How many numbers the parameters of ChainerCV's models have. */
const recorded = readJson<Record<string, { elements: number }>>('goldens/namedparams.json');

describe('cli/summary', () => {
  it('prints a row a link, and the total', async () => {
    const { code, stdout, stderr } = await chaingrad(['summary', 'ssd300']);
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^path +link +parameters +count +output shape +MACs\n-+\n/);
    expect(stdout).to.match(/^\/extractor\/conv1_1 +Convolution2D +W \(64, 3, 3, 3\), b \(64\) +1,792 /m);
    expect(stdout).to.match(/^\/multibox\/conf\/0 +Convolution2D +W \(84, 512, 3, 3\), b \(84\) /m);
  });

  for (const [model, name] of [
    ['ssd300', 'SSD300(20)'],
    ['ssd300:nFgClass=50', 'SSD300(50)'],
    ['ssd512:nFgClass=20', 'SSD512(20)'],
    ['vgg16', 'VGG16(1000)'],
  ] as const) {
    it(`counts as many numbers in ${model} as ChainerCV in ${name}`, async () => {
      const { code, stdout } = await chaingrad(['summary', model]);
      expect(code).to.equal(0);
      const total = /^total +([\d,]+)/m.exec(stdout)![1]!;
      expect(Number(total.replaceAll(',', ''))).to.equal(recorded[name]!.elements);
    });
  }

  it('knows the detectors on MobileNet and ResNet', async () => {
    const { stdout } = await chaingrad(['summary', 'ssd-mobilenet-v2-oid:nFgClass=3']);
    expect(stdout).to.match(/^\/multibox\/conf\/0 +Convolution2D +W \(12, 576, 1, 1\), b \(12\) /m);
    const { stdout: face } = await chaingrad(['summary', 'face']);
    expect(face).to.match(/^\/multibox\/conf\/0 +Convolution2D +W \(9, 512, 1, 1\), b \(9\) /m);
    const { stdout: resnet } = await chaingrad(['summary', 'ssd-resnet18:nFgClass=3']);
    expect(resnet).to.match(/^\/multibox\/conf\/0 +Convolution2D +W \(16, 128, 3, 3\), b \(16\) /m);
  });
});
