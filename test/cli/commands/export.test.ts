import { existsSync, readFileSync, statSync } from 'node:fs';
import { fromBinary, ModelProtoSchema } from '@chaingrad/onnx';
import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { chaingrad, temporaryFolder } from '../support.ts';

describe('chaingrad export', () => {
  const folder = temporaryFolder();

  it('writes a detector that takes a picture, and tells what it wrote', async () => {
    const out = folder.path('new/detector.onnx');
    const { code, stdout, stderr } = await chaingrad([
      ...['export', 'ssd-mobilenet-v2-oid', out, '--with-postprocess', '--score-thresh', '0.4'],
    ]);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/wrote .*detector\.onnx \(19\.\d+ MB\)\n\d+ operators of set 17\n/);
    const session = await InferenceSession.create(out);
    const found = await session.run({ image: new Tensor('uint8', new Uint8Array(90 * 60 * 3), [90, 60, 3]) });
    await session.release();
    expect(Object.keys(found)).to.deep.equal(['boxes', 'labels', 'scores']);
    const { metadataProps } = fromBinary(ModelProtoSchema, readFileSync(out));
    const names = metadataProps.find(({ key }) => key === 'class_names')!.value;
    expect(JSON.parse(names)).to.include('Cat');
  });

  it('writes the default detector likewise', async () => {
    const out = folder.path('centernet.onnx');
    const { code, stderr } = await chaingrad([
      ...['export', 'centernet-mobilenetv3-coco', out, '--with-postprocess'],
    ]);
    expect(code, stderr).to.equal(0);
    const session = await InferenceSession.create(out);
    const found = await session.run({ image: new Tensor('uint8', new Uint8Array(90 * 60 * 3), [90, 60, 3]) });
    await session.release();
    expect(found['boxes']!.dims).to.deep.equal([0, 4]);
  });

  it('folds, puts the arrays aside, fixes the batch and takes another operator set on wish', async () => {
    const out = folder.path('face.onnx');
    const more = ['--fold-bn', '--external-data', '--batch', '2', '--opset', '18', '--layout', 'NHWC'];
    const { code, stdout, stderr } = await chaingrad(['export', 'face', out, ...more]);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.contain(`wrote ${out}.data (22.`);
    expect(statSync(out).size).to.be.below(60_000);
    const { graph, opsetImport } = fromBinary(ModelProtoSchema, readFileSync(out));
    expect(graph!.node.map(({ opType }) => opType)).not.to.include('BatchNormalization');
    expect(opsetImport[0]!.version).to.equal(18n);
    const type = graph!.input[0]!.type!.value;
    const dims =
      type.case === 'tensorType' ? type.value.shape!.dim.map(({ value }) => Number(value.value)) : [];
    expect(dims).to.deep.equal([2, 512, 512, 3]);
  });

  it('says in one line what is wrong, and writes nothing', async () => {
    const out = folder.path('none.onnx');
    const page = folder.write('page.npz', '<html>');
    const cases: [string[], RegExp][] = [
      [['face', folder.path('none.npz')], /must end in \.onnx/],
      [[page, out], /page\.npz: expected a file of weights/],
      [['face', out, '--opset', '16'], /at least 17/],
      [['face', out, '--opset', '99'], /opset: expected 17 to/],
      [['face', out, '--with-postprocess', '--batch', '2'], /takes one picture/],
      [['face', out, '--score-thresh', '0.4'], /go with --with-postprocess/],
      [['face', out, '--layout', 'CHW'], /NCHW or NHWC, got 'CHW'/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await chaingrad(['export', ...args]);
      expect(code).to.equal(1);
      expect(stderr).to.match(message);
    }
    expect(existsSync(out)).to.equal(false);
  });
});
