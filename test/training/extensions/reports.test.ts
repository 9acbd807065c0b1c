/** LogReport, PrintReport, PlotReport, ProgressBar: what a user sees of a training. */
import { InvalidArgumentError, jupyterDisplay, UnknownNameError } from '@chaingrad/core';
import {
  LogReport,
  PlotReport,
  PrintReport,
  ProgressBar,
  priorities,
  type TerminalStream,
} from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import sharp from 'sharp';
import { useTestBackend } from '../../support/backends.ts';
import { rejection, thrown } from '../../support/errors.ts';
import { buildTraining, type Training, textOf } from '../support.ts';

let training: Training;
let tensors: number;

/** Reports a value at every iteration: as a tensor, so that it has to be read. */
function reporting(values: (iteration: number) => Record<string, number>) {
  return {
    name: 'reporting',
    priority: priorities.writer,
    call: () =>
      tf.tidy(() => {
        const entries = Object.entries(values(training.updater.iteration));
        training.trainer.report(Object.fromEntries(entries.map(([key, value]) => [key, tf.scalar(value)])));
      }),
  };
}

function describeReport(title: string, body: () => void): void {
  describe(title, () => {
    before(() => useTestBackend('cpu'));
    beforeEach(() => {
      tensors = tf.memory().numTensors;
      training = buildTraining({ stop: [10, 'iteration'] });
    });
    afterEach(() => {
      training[Symbol.dispose]();
      expect(tf.memory().numTensors, 'tensors left').to.equal(tensors);
    });
    body();
  });
}

describeReport('LogReport', () => {
  it('makes entries of means, and writes them as JSON', async () => {
    const { trainer, store } = training;
    const report = new LogReport({ trigger: [4, 'iteration'], keys: ['x', 'y'] });
    trainer.extend(report);
    trainer.extend(reporting((i): Record<string, number> => (i === 6 ? { x: i, y: 0.1 } : { x: i, z: 1 })));
    await trainer.run();
    const timeless = report.log.map(({ elapsed_time, ...entry }) => entry);
    expect(timeless).to.deep.equal([
      { x: 2.5, epoch: 0, iteration: 4 },
      { x: 6.5, y: Math.fround(0.1), epoch: 1, iteration: 8 },
    ]);
    const times = report.log.map((entry) => entry['elapsed_time']!);
    expect(times[0]).to.be.greaterThan(0);
    expect(times[1]).to.be.greaterThan(times[0]!);
    const text = await textOf(store, 'log');
    expect(JSON.parse(text)).to.deep.equal(report.log);
    expect(text).to.include('\n        "x": 2.5,\n');
  });

  it('is shown by notebooks as a table', async () => {
    const report = new LogReport({ trigger: [5, 'iteration'], keys: ['x', 'y<'] });
    training.trainer.extend(report);
    training.trainer.extend(reporting((i): Record<string, number> => (i > 5 ? { 'y<': i } : { x: i })));
    await training.trainer.run();
    const { 'text/html': html, 'text/plain': text } = report[jupyterDisplay]();
    expect(JSON.parse(text!)).to.deep.equal(report.log);
    const rows = Array.from(html!.matchAll(/<tr>(.*)<\/tr>/g), ([, row]) =>
      Array.from(row!.matchAll(/<t[hd][^>]*>([^<]*)</g), ([, cell]) => cell!),
    );
    expect(rows.map((row) => row.filter((_, i) => rows[0]![i] !== 'elapsed_time'))).to.deep.equal([
      ['x', 'epoch', 'iteration', 'y&lt;'],
      ['3', '0', '5', ''],
      ['', '1', '10', '8'],
    ]);
  });

  it('logs everything by default, once an epoch', async () => {
    const report = new LogReport();
    training.trainer.extend(report);
    await training.trainer.run();
    expect(report.log.map(Object.keys)).to.deep.equal([
      ['main/loss', 'main/accuracy', 'epoch', 'iteration', 'elapsed_time'],
    ]);
    expect(report.log[0]!['iteration']).to.equal(7);
  });

  it('writes NaN and infinities as strings, which JSON lacks', async () => {
    const report = new LogReport({ trigger: [10, 'iteration'], keys: ['nan', 'inf'] });
    training.trainer.extend(report);
    training.trainer.extend(reporting(() => ({ nan: Number.NaN, inf: Number.NEGATIVE_INFINITY })));
    await training.trainer.run();
    expect(report.log[0]).to.deep.include({ nan: Number.NaN, inf: Number.NEGATIVE_INFINITY });
    expect(JSON.parse(await textOf(training.store, 'log'))[0]).to.include({ nan: 'NaN', inf: '-Infinity' });
  });

  it('changes entries as told, writes files by number, or none', async () => {
    const report = new LogReport({
      trigger: [5, 'iteration'],
      filename: 'log_{iteration}.json',
      postprocess: (entry) => {
        entry['double'] = 2 * entry['iteration']!;
      },
    });
    training.trainer.extend(report).extend(new LogReport({ filename: null }));
    await training.trainer.run();
    expect(report.log.map((entry) => entry['double'])).to.deep.equal([10, 20]);
    const names = (await training.store.list()).map(({ name }) => name);
    expect(names).to.deep.equal(['log_5.json', 'log_10.json']);
    thrown(() => new LogReport({ filename: 'log_{updater}' }), InvalidArgumentError);
    thrown(() => new LogReport({ filename: 'logs/log' }), InvalidArgumentError);
  });

  it('holds no more than a few hundred tensors', async () => {
    training[Symbol.dispose]();
    training = buildTraining({ stop: [300, 'iteration'] });
    training.trainer.extend(new LogReport({ trigger: [300, 'iteration'], filename: null }));
    let most = 0;
    training.trainer.extend(() => {
      most = Math.max(most, tf.memory().numTensors);
    });
    await training.trainer.run();
    expect(most - tensors).to.be.within(200, 300);
  });
});

describeReport('PrintReport', () => {
  const linesOf = async (
    columns: string[] | null,
    ...extend: Parameters<Training['trainer']['extend']>[0][]
  ) => {
    const lines: string[] = [];
    for (const extension of extend) training.trainer.extend(extension);
    training.trainer.extend(new PrintReport(columns, { out: (line) => lines.push(line) }));
    await training.trainer.run();
    return lines;
  };

  it('prints columns of ten characters or more, blanks where a value is missing', async () => {
    const report = new LogReport({ trigger: [5, 'iteration'], filename: null });
    const values = reporting((i) => ({ 'a/long/name': i * 1e-7, ...(i > 5 ? { b: i / 3 } : {}) }));
    const lines = await linesOf(['epoch', 'a/long/name', 'b', 'iteration'], values, report);
    expect(lines).to.deep.equal([
      'epoch       a/long/name  b           iteration',
      '0           3e-07                    5',
      '1           8e-07        2.66667     10',
    ]);
  });

  it('takes the columns of the first entry where none are given', async () => {
    const report = new LogReport({ trigger: [10, 'iteration'], filename: null, keys: [] });
    const [header, ...rows] = await linesOf(null, report);
    expect(header).to.equal('epoch       iteration   elapsed_time');
    expect(rows).to.have.length(1);
  });

  it('prints the last entry also where the LogReport comes later', async () => {
    const report = new LogReport({ trigger: [5, 'iteration'], filename: null });
    const lines: string[] = [];
    training.trainer.extend(new PrintReport(['iteration'], { out: (line) => lines.push(line) }));
    training.trainer.extend(report);
    await training.trainer.run();
    expect(lines).to.deep.equal(['iteration', '5', '10']);
  });

  it('takes a LogReport by name or itself, and refuses others', async () => {
    const other = new LogReport({ trigger: [10, 'iteration'], filename: null });
    training.trainer.extend(new LogReport(), { name: 'first' });
    const lines: string[] = [];
    const out = (line: string) => void lines.push(line);
    training.trainer.extend(other, { name: 'second' });
    training.trainer.extend(new PrintReport(['iteration'], { logReport: 'second', out }));
    training.trainer.extend(new PrintReport(['epoch'], { logReport: other, out }));
    await training.trainer.run();
    expect(lines).to.deep.equal(['iteration', '10', 'epoch', '1']);
    const missing = buildTraining();
    missing.trainer.extend(new PrintReport(['epoch']));
    await rejection(missing.trainer.run(), UnknownNameError);
    missing[Symbol.dispose]();
    const wrong = buildTraining();
    wrong.trainer.extend(() => {}, { name: 'LogReport' }).extend(new PrintReport(['epoch']));
    await rejection(wrong.trainer.run(), InvalidArgumentError);
    wrong[Symbol.dispose]();
  });
});

describeReport('PlotReport', () => {
  it('draws means over an interval, and keeps its points', async () => {
    const plot = new PlotReport(['x', 'y & z'], { trigger: [5, 'iteration'] });
    training.trainer.extend(plot);
    training.trainer.extend(reporting((i) => ({ x: i, ...(i > 5 ? { 'y & z': 2 } : {}) })));
    await training.trainer.run();
    expect(plot.points).to.deep.equal({
      x: [
        [5, 3],
        [10, 8],
      ],
      'y & z': [[10, 2]],
    });
    const svg = await textOf(training.store, 'plot.svg');
    expect(svg)
      .to.match(/^<svg xmlns/)
      .and.include('y &amp; z</text>');
    expect(svg.match(/<circle/g)).to.have.length(3);
    expect(plot[jupyterDisplay]()).to.deep.equal({ 'image/svg+xml': svg });
  });

  it('takes epochs or a reported value as x', async () => {
    const epochs = new PlotReport('x', { xKey: 'epoch', trigger: [5, 'iteration'], filename: 'a.svg' });
    const values = new PlotReport('x', {
      xKey: 't',
      trigger: [5, 'iteration'],
      filename: 'b_{iteration}.svg',
    });
    const never = new PlotReport('x', { xKey: 'absent', filename: 'c.svg' });
    for (const plot of [epochs, values, never]) training.trainer.extend(plot);
    training.trainer.extend(reporting((i) => ({ x: 1, t: i * i })));
    await training.trainer.run();
    expect(epochs.points['x']!.map(([x]) => x)).to.deep.equal([0.8, 1.6]);
    expect(values.points['x']!.map(([x]) => x)).to.deep.equal([11, 66]);
    const names = (await training.store.list()).map(({ name }) => name);
    expect(names).to.deep.equal(['a.svg', 'b_5.svg', 'b_10.svg']);
    thrown(() => new PlotReport([]), InvalidArgumentError);
  });
});

describeReport('PlotReport as PNG', () => {
  it('writes what the caller makes of the SVG, and no SVG under another name', async () => {
    const filename = 'plot.png';
    const convert = (svg: string) => sharp(Buffer.from(svg)).png().toBuffer();
    training.trainer.extend(new PlotReport('x', { trigger: [5, 'iteration'], filename, convert }));
    training.trainer.extend(reporting((i) => ({ x: i })));
    await training.trainer.run();
    const png = await training.store.read(filename);
    const { format, width, height } = await sharp(png).metadata();
    expect([format, width, height]).to.deep.equal(['png', 640, 438]);
    // The curve is there, in its colour.
    const pixels = await sharp(png).removeAlpha().raw().toBuffer();
    const blue = Array.from({ length: pixels.length / 3 }, (_, i) => pixels.readUIntBE(3 * i, 3));
    expect(blue.filter((colour) => colour === 0x0072b2).length).to.be.above(100);
    thrown(() => new PlotReport('x', { filename }), InvalidArgumentError);
  });
});

describeReport('ProgressBar', () => {
  class Terminal implements TerminalStream {
    text = '';
    constructor(readonly isTTY: boolean) {}
    write(text: string) {
      this.text += text;
    }
  }

  it('draws on a terminal, moves back up, and clears in the end', async () => {
    const out = new Terminal(true);
    training.trainer.extend(new ProgressBar({ updateInterval: 5, barLength: 10, out }));
    await training.trainer.run();
    const drawings = out.text.split('\x1b[4A\r');
    expect(drawings).to.have.length(3);
    const lines = drawings[1]!.replace('\x1b[J', '').split('\n');
    expect(lines.slice(0, 3)).to.deep.equal([
      '     total [##########] 100.00%',
      'this epoch [######....] 60.00%',
      '        10 iter, 1 epoch / 10 iterations',
    ]);
    expect(lines[3]).to.match(/^ *[\d.]+ iters\/sec\. Estimated time to finish: 0:00:00\.$/);
    expect(drawings[0]).to.include('     total [#####.....] 50.00%');
    expect(drawings[2]).to.equal('\x1b[J');
  });

  it('knows no end where the stop trigger has none, unless it is told', async () => {
    training[Symbol.dispose]();
    training = buildTraining({ stop: ({ updater }) => updater.iteration === 10 });
    const [open, told] = [new Terminal(true), new Terminal(true)];
    training.trainer.extend(new ProgressBar({ updateInterval: 10, out: open }));
    training.trainer.extend(new ProgressBar({ updateInterval: 10, out: told, trainingLength: [4, 'epoch'] }));
    await training.trainer.run();
    expect(open.text).to.not.include('total').and.to.not.include('Estimated');
    expect(open.text).to.include('        10 iter, 1 epoch\n');
    expect(told.text).to.include('] 40.00%').and.include('/ 4 epochs');
  });

  it('writes nothing elsewhere', async () => {
    const out = new Terminal(false);
    training.trainer.extend(new ProgressBar({ updateInterval: 1, out }));
    training.trainer.extend(new ProgressBar({ updateInterval: 1, out: null }));
    await training.trainer.run();
    expect(out.text).to.equal('');
  });
});
