import { writeNpz } from '@chaingrad/weights';
import { expect } from 'chai';
import { classesOf, readWeights } from '../../packages/cli/src/weights.ts';
import { temporaryFolder } from './support.ts';

const zeros = (...shape: number[]) => ({
  shape,
  dtype: 'float32' as const,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

describe('cli/weights', () => {
  const folder = temporaryFolder();

  it('tells an npz file from others by its content', async () => {
    const npz = folder.write('weights.bin', writeNpz([['l/W', zeros(2, 3)]]));
    const { name, arrays } = await readWeights(npz);
    expect(name).to.equal(npz);
    expect(arrays!.keys()).to.deep.equal(['l/W']);
    const other = await readWeights(folder.write('other.npz', 'text'));
    expect(other.arrays).to.equal(null);
    expect(new TextDecoder().decode(other.bytes)).to.equal('text');
  });

  it('finds the number of classes of an SSD in its heads', async () => {
    const heads = async (boxes: number, classes: number) => {
      const file = folder.write(
        'heads.npz',
        writeNpz([
          ['multibox/loc/0/b', zeros(boxes * 4)],
          ['multibox/conf/0/b', zeros(boxes * classes)],
        ]),
      );
      return classesOf((await readWeights(file)).arrays!);
    };
    expect(await heads(4, 21)).to.equal(20);
    expect(await heads(3, 24)).to.equal(23);
    expect(await heads(6, 2)).to.equal(1);
    // Background alone is no detector, and a fraction is no number of classes.
    expect(await heads(4, 1)).to.equal(null);
    const others = await readWeights(folder.write('others.npz', writeNpz([['conv/W', zeros(1)]])));
    expect(classesOf(others.arrays!)).to.equal(null);
  });

  it('tells how much of a file has been read', async () => {
    const said: string[] = [];
    const file = folder.write('large.bin', new Uint8Array(5_000_000));
    await readWeights(file, (text) => said.push(text));
    expect(said.at(-1)).to.equal(`${file} 5.0 of 5.0 MB`);
  });
});
