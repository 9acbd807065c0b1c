import { expect } from 'chai';
import { child, parseXml } from '../../../packages/vision/src/datasets/formats/xml.ts';

describe('parseXml', () => {
  it('reads elements, text, entities, comments, CDATA and attributes', () => {
    const root = parseXml(
      '\ufeff<?xml version="1.0"?><a x="1>2" y=\'z\'><!-- <b> --><b>1 &lt; 2 &#65;&#x42; &amp;amp;</b><c/><d><![CDATA[<e>]]></d> end </a>\n',
    );
    expect(root.name).to.equal('a');
    expect(root.text).to.equal('end');
    expect(child(root, 'b')!.text).to.equal('1 < 2 AB &amp;');
    expect(child(root, 'c')!.children).to.deep.equal([]);
    expect(child(root, 'd')!.text).to.equal('<e>');
    expect(child(root, 'e')).to.equal(undefined);
  });

  it('refuses what is not well formed, and document types', () => {
    for (const text of [
      '',
      'text',
      '<a>',
      '<a></b>',
      '<a/><b/>',
      '<a',
      '<a b=c></a>',
      '</a>',
      '<!DOCTYPE a><a/>',
      '<a/>x',
    ]) {
      expect(() => parseXml(text), text).to.throw(SyntaxError);
    }
  });
});
