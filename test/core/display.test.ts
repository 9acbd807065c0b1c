/** What notebooks and pages show. */
import { Chain, htmlTable, jupyterDisplay, Linear, type Tensor } from '@chaingrad/core';
import { expect } from 'chai';
import { useTestBackend } from '../support/backends.ts';

class Net extends Chain {
  readonly fc = new Linear(null, 3);
  override forward(x: Tensor): Tensor {
    return this.fc.call(x);
  }
}

describe('display', () => {
  before(() => useTestBackend('cpu'));

  it("is asked for by the symbol of Deno's notebooks", () => {
    expect(jupyterDisplay).to.equal(Symbol.for('Jupyter.display'));
  });

  it('shows a summary as text and as a table with the same contents', () => {
    using net = new Net();
    const summary = net.summary([2, 1000]);
    const { 'text/plain': text, 'text/html': html, ...others } = summary[jupyterDisplay]();
    expect(others).to.deep.equal({});
    expect(text).to.equal(summary.toString());
    expect(html).to.equal(summary.toHTML());
    const rows = Array.from(html!.matchAll(/<tr>(.*)<\/tr>/g), ([, row]) =>
      Array.from(row!.matchAll(/<t[hd][^>]*>([^<]*)</g), ([, cell]) => cell!),
    );
    expect(rows[0]!.join(' ')).to.equal('path link parameters count output shape MACs');
    const words = (line: string) => line.replaceAll(/\s+/g, ' ').trim();
    const lines = text!.split('\n').filter((line) => !line.startsWith('--'));
    expect(rows.map((cells) => words(cells.join(' ')))).to.deep.equal(lines.map(words));
    expect(rows.at(-1)).to.include('3,003');
  });

  it('escapes what a table contains', () => {
    const html = htmlTable([['a<b'], ['"&"'], [1234.5678], [0.000123456789]]);
    expect(html).to.include('>a&lt;b<').and.include('>&quot;&amp;&quot;<');
    expect(html).to.include('>1,234.57<').and.include('>0.000123457<');
  });
});
