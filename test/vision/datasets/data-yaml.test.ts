import { expect } from 'chai';
import { parseDataYaml } from '../../../packages/vision/src/datasets/formats/data-yaml.ts';

describe('parseDataYaml', () => {
  const cases: readonly [title: string, text: string, names: string[]][] = [
    ['a list in one line', "names: [cat, \"dog, big\", 'it''s'] # three", ['cat', 'dog, big', "it's"]],
    ['a list over several lines', "names: ['cat',\n  'dog']\nnc: 2", ['cat', 'dog']],
    ['numbers in one line', 'names: {0: cat, 1: dog}', ['cat', 'dog']],
    ['a block of numbers', 'names:\n  0: cat\n  1: traffic light # red\n', ['cat', 'traffic light']],
    ['a block of items', 'nc: 2\r\nnames:\r\n- cat\r\n- dog #1\r\n', ['cat', 'dog']],
    ['a name with a hash', "names: ['c#', cat]", ['c#', 'cat']],
  ];
  for (const [title, text, names] of cases) {
    it(`reads ${title}`, () => {
      expect(parseDataYaml(text).get('names')).to.deep.equal(names);
    });
  }

  it('reads paths, and several of one part', () => {
    const values = parseDataYaml('path: ../x\ntrain:\n  - images/a\n  - images/b\nval: images/c\ntest:\n');
    expect(values.get('train')).to.deep.equal(['images/a', 'images/b']);
    expect(values.get('val')).to.deep.equal(['images/c']);
    expect(values.get('test')).to.deep.equal([]);
  });
});
