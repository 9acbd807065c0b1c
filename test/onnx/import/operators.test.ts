import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  operatorList,
  tfliteOperatorList,
  tfOperatorList,
} from '../../../packages/onnx/src/import/ops/list.ts';

const page = new URL('../../../docs/onnx.md', import.meta.url);
const part = (name: string) => new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- end of ${name} -->)`);

describe('docs/onnx.md', () => {
  it('lists the operators that are imported, with their opsets (CHAINGRAD_WRITE_DOCS=1 writes the list)', () => {
    const text = readFileSync(page, 'utf8');
    let wanted = text;
    for (const [name, list] of [
      ['operators', operatorList()],
      ["TensorFlow's operators", tfOperatorList()],
      ["TFLite's operators", tfliteOperatorList()],
    ] as const) {
      wanted = wanted.replace(part(name), (_, begin, end) => `${begin}\n${list}\n\n${end}`);
      expect(wanted).to.include(list);
    }
    if (process.env['CHAINGRAD_WRITE_DOCS']) writeFileSync(page, wanted);
    expect(readFileSync(page, 'utf8')).to.equal(wanted);
  });
});
