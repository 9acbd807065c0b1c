import { Turns } from '@chaingrad/kernels';
import { expect } from 'chai';

describe('Turns', () => {
  it('runs one piece of work after the other, in order, a failed one too', async () => {
    const turns = new Turns();
    const events: string[] = [];
    const work = (name: string) => async () => {
      events.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      events.push(`${name} ends`);
      if (name === 'b') throw new Error('b fails');
      return name;
    };
    const all = await Promise.allSettled(['a', 'b', 'c'].map((name) => turns.run(work(name))));
    expect(all.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect(events).to.deep.equal(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });
});
