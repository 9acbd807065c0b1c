/** What `chaingrad finetune` chooses for small things: a larger input, or tiles. */
import { expect } from 'chai';
import { defaults } from '../../packages/cli/src/commands/finetune/settings.ts';
import { seeSmallThings } from '../../packages/cli/src/commands/finetune/small-things.ts';

/** Images of 600 x 400 with squares of these sides as a network of 300 x 300 sees them: two classes, the second one of large things. */
const folder = (side: number) => {
  const [h, w] = [(side / 300) * 400, (side / 300) * 600];
  const bbox = new Float32Array([10, 20, 10 + h, 20 + w, 0, 0, 400, 600]);
  const record = { size: [400, 600] as const, bbox, label: new Int32Array([0, 1]) };
  return { records: [record, record], labelNames: ['cell', 'animal'] } as never;
};

type Chosen = Parameters<typeof seeSmallThings>[1];

describe('finetune and small things', () => {
  const choose = (side: number, given: Partial<Chosen> = {}) =>
    seeSmallThings(folder(side), { ...defaults, ...given });

  for (const [side, given, expected] of [
    [300, {}, { size: null, tiles: 1, note: null }],
    [25.5, {}, { size: null, tiles: 1, note: null }],
    [
      24,
      {},
      {
        size: 384,
        tiles: 1,
        note: 'cell has about 24 pixels at 300 x 300: learning and testing with --size 384',
      },
    ],
    [20.5, {}, { size: 384, tiles: 1 }],
    [
      19,
      {},
      {
        size: null,
        tiles: 2,
        note: 'cell has about 19 pixels at 300 x 300: learning and testing with --tiles 2',
      },
    ],
    [7, {}, { size: null, tiles: 4 }],
    [19, { tiles: 1 }, { size: 384, tiles: 1 }],
    [24, { tiles: 3 }, { size: null, tiles: 3, note: null }],
    [24, { size: 300 }, { size: 300, tiles: 1, note: null }],
    [
      10,
      { size: 512 },
      {
        size: 512,
        tiles: 3,
        note: 'cell has about 17 pixels at 512 x 512: learning and testing with --tiles 3',
      },
    ],
    [24, { model: 'ssd-resnet18' }, { size: 384, tiles: 1 }],
    [24, { model: 'ssd300' }, { size: null, tiles: 1, note: null }],
  ] satisfies [number, Partial<Chosen>, Partial<ReturnType<typeof seeSmallThings>>][])
    it(`${side} pixels, ${JSON.stringify(given)}: ${JSON.stringify(expected)}`, () => {
      expect(choose(side, given)).to.include(expected);
    });

  it('has the model as it is where nothing has a box', () => {
    const none = { records: [], labelNames: [] } as never;
    expect(seeSmallThings(none, defaults as never)).to.deep.equal({ size: null, tiles: 1, note: null });
  });
});
