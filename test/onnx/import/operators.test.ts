import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { operatorList } from '../../../packages/onnx/src/import/ops/list.ts';

const page = new URL('../../../docs/onnx.md', import.meta.url);
const part = /(<!-- operators -->\n)[\s\S]*?(<!-- end of operators -->)/;

describe('docs/onnx.md', () => {
  it('lists the operators that are imported, with their opsets (CHAINGRAD_WRITE_DOCS=1 writes the list)', () => {
    const text = readFileSync(page, 'utf8');
    const wanted = text.replace(part, (_, begin, end) => `${begin}\n${operatorList()}\n\n${end}`);
    expect(wanted).to.include(operatorList());
    if (process.env['CHAINGRAD_WRITE_DOCS']) writeFileSync(page, wanted);
    expect(readFileSync(page, 'utf8')).to.equal(wanted);
  });
});
