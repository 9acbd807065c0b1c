import { expect } from 'chai';
import { formatDuration, formatG } from '../../packages/training/src/format.ts';
import { lineChart } from '../../packages/training/src/line-chart.ts';
import { compact } from '../../packages/training/src/worker-messages.ts';

describe('formatG', () => {
  // What Python's '%g' gives.
  const cases: [number, string][] = [
    [0, '0'],
    [1, '1'],
    [-2.5, '-2.5'],
    [0.1 + 0.2, '0.3'],
    [1234567, '1.23457e+06'],
    [999999.5, '1e+06'],
    [123456, '123456'],
    [100000, '100000'],
    [0.0001, '0.0001'],
    [0.00001234, '1.234e-05'],
    [1e-300, '1e-300'],
    [2.72, '2.72'],
    [2 / 3, '0.666667'],
    [Number.NaN, 'nan'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
  ];
  for (const [value, text] of cases) it(text, () => expect(formatG(value)).to.equal(text));
  it('takes the number of digits', () => expect(formatG(12.3456, 3)).to.equal('12.3'));
});

describe('formatDuration', () => {
  it('counts hours, minutes, seconds, and days', () => {
    expect([0, 61.9, 3600, 86399, 86400, 200000].map(formatDuration)).to.deep.equal([
      '0:00:00',
      '0:01:01',
      '1:00:00',
      '23:59:59',
      '1 day, 0:00:00',
      '2 days, 7:33:20',
    ]);
  });
});

describe('lineChart', () => {
  const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)/g)].map((match) => match[1]);

  it('has round ticks that enclose nothing but the values', () => {
    const svg = lineChart(
      [
        {
          label: 'a',
          points: [
            [0, 0.13],
            [100, 0.98],
          ],
        },
      ],
      { xLabel: 'iteration' },
    );
    expect(texts(svg)).to.deep.equal([
      ...['0', '20', '40', '60', '80', '100'],
      ...['0.2', '0.4', '0.6', '0.8', '1.0'],
      ...['iteration', 'a'],
    ]);
    expect(svg).to.include('class="curve" stroke="#0072b2" d="M74.77');
  });

  it('breaks the line where a value is not a number', () => {
    const points: [number, number][] = [
      [0, 1],
      [1, 2],
      [2, Number.NaN],
      [3, 1],
      [4, Number.POSITIVE_INFINITY],
      [5, 2],
    ];
    const svg = lineChart([{ label: 'a', points }], { xLabel: 'x', markers: false, grid: false });
    const [, d] = /class="curve" stroke="#0072b2" d="([^"]*)"/.exec(svg)!;
    expect(d!.replace(/[\d. ]+/g, '')).to.equal('MLMM');
    expect(svg).to.not.include('<circle').and.to.not.include('class="grid"');
  });

  it('draws one point, equal ones, very large ones and none', () => {
    for (const points of [
      [[3, 5]],
      [
        [0, 0],
        [1, 0],
      ],
      [
        [1, 1e9],
        [2, 3e9],
      ],
      [],
    ] as [number, number][][]) {
      const svg = lineChart([{ label: '<&">', points }], { xLabel: 'x' });
      expect(svg).to.not.match(/NaN|Infinity/);
      expect(svg).to.include('&lt;&amp;&quot;&gt;</text>');
      expect(texts(svg).length).to.be.greaterThan(5);
    }
  });
});

describe('compact', () => {
  it('gives arrays that are a part of a buffer one of their own', () => {
    const all = Float32Array.of(1, 2, 3, 4);
    const whole = Uint8Array.of(1);
    const date = new Date(0);
    const value = {
      rows: [all.subarray(1, 3), 'text'],
      whole,
      date,
      node: Buffer.from('abc'),
      nothing: null,
    };
    const copy = compact(value) as typeof value;
    expect(copy).to.deep.equal({ ...value, node: copy.node });
    expect((copy.rows[0] as Float32Array).buffer.byteLength).to.equal(8);
    expect([...copy.node]).to.deep.equal([97, 98, 99]);
    expect(copy.node.buffer.byteLength).to.equal(3);
    expect(copy.whole).to.equal(whole);
    expect(copy.date).to.equal(date);
    all[1] = 9;
    expect((copy.rows[0] as Float32Array)[0]).to.equal(2);
  });
});
