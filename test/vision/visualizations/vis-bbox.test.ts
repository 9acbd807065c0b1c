import {
  BboxFormatError,
  ImageFormatError,
  type VisBboxOptions,
  visBbox,
  visImage,
  vocBboxLabelNames,
  vocColormap,
} from '@chaingrad/vision';
import { createCanvas } from '@napi-rs/canvas';
import { expect } from 'chai';
import { generatedImage, TestRng } from '../support.ts';

interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
  style: unknown;
}

/** A context that writes down what is drawn; letters are 0.6 times as wide as high. */
class Recorder {
  readonly strokes: Rect[] = [];
  readonly fills: Rect[] = [];
  readonly texts: { text: string; x: number; y: number; size: number; style: unknown }[] = [];
  fillStyle: unknown;
  strokeStyle: unknown;
  lineWidth = 0;
  lineJoin = '';
  font = '';
  textBaseline = '';
  textAlign = '';
  readonly canvas: { width: number; height: number };

  constructor(width: number, height: number) {
    this.canvas = { width, height };
  }
  get size() {
    return Number.parseFloat(this.font);
  }
  fillRect(x: number, y: number, width: number, height: number) {
    this.fills.push({ x, y, width, height, style: this.fillStyle });
  }
  strokeRect(x: number, y: number, width: number, height: number) {
    this.strokes.push({ x, y, width, height, style: this.strokeStyle });
  }
  fillText(text: string, x: number, y: number) {
    this.texts.push({ text, x, y, size: this.size, style: this.fillStyle });
  }
  measureText(text: string) {
    return { width: text.length * this.size * 0.6 };
  }
  createImageData(width: number, height: number) {
    return { data: new Uint8ClampedArray(width * height * 4), width, height };
  }
  putImageData() {}
  save() {}
  restore() {}
}

const draw = (
  [height, width]: [number, number],
  bbox: number[],
  label: number[] | null,
  score: number[] | null,
  options?: VisBboxOptions,
) => {
  const recorder = new Recorder(width, height);
  visBbox(recorder, null, bbox, label, score, options);
  return recorder;
};

describe('vision/visualizations/visBbox', () => {
  const names = vocBboxLabelNames;

  it('draws the image, the box and a filled tag', () => {
    const img = generatedImage('vis', 120, 160);
    const canvas = createCanvas(160, 120);
    const context = canvas.getContext('2d');
    visBbox(context, img, [50, 40, 100, 120], [7], [0.876], {
      labelNames: names,
      instanceColors: [[255, 0, 0]],
    });
    const pixel = (y: number, x: number) => [...context.getImageData(x, y, 1, 1).data];
    const red = [255, 0, 0, 255];
    expect(pixel(75, 40)).to.deep.equal(red);
    expect(pixel(45, 41)).to.deep.equal(red);
    const untouched = (110 * 160 + 150) * 3;
    expect(pixel(110, 150)).to.deep.equal([...img.data.subarray(untouched, untouched + 3), 255]);
    const inside = (75 * 160 + 80) * 3;
    expect(pixel(75, 80)).to.deep.equal([...img.data.subarray(inside, inside + 3), 255]);
  });

  it('writes name and score, or what there is', () => {
    const box = [50, 40, 100, 120];
    const text = (label: number[] | null, score: number[] | null, options?: VisBboxOptions) =>
      draw([480, 640], box, label, score, options).texts.map((t) => t.text);
    expect(text([7], [0.876], { labelNames: names })).to.deep.equal(['cat: 0.88']);
    expect(text([7], null, { labelNames: names })).to.deep.equal(['cat']);
    expect(text([7], [0.5])).to.deep.equal(['0.50']);
    expect(text(null, null)).to.deep.equal([]);
    expect(draw([480, 640], box, null, null).strokes).to.have.length(1);
  });

  it('keeps every tag and its text inside the image, whatever the box', () => {
    const rng = new TestRng(4);
    for (let trial = 0; trial < 300; trial++) {
      const height = 60 + rng.integer(1000);
      const width = 200 + rng.integer(1000);
      const y = rng.uniform(-100, height);
      const x = rng.uniform(-100, width);
      const box = [y, x, y + rng.uniform(1, height), x + rng.uniform(1, width)];
      const { fills, texts } = draw([height, width], box, [rng.integer(20)], [rng.uniform(0, 1)], {
        labelNames: names,
      });
      const [tag, text] = [fills[0]!, texts[0]!];
      expect(tag.x).to.be.at.least(0);
      expect(tag.y).to.be.at.least(0);
      expect(tag.x + tag.width).to.be.at.most(width + 1e-9);
      expect(tag.y + tag.height).to.be.at.most(height + 1e-9);
      expect(text.x).to.be.at.least(tag.x);
      expect(text.x + text.text.length * text.size * 0.6).to.be.at.most(tag.x + tag.width + 1e-9);
      expect(text.y - text.size * 0.8).to.be.at.least(tag.y);
      expect(text.y + text.size * 0.25).to.be.at.most(tag.y + tag.height);
      expect(text.size).to.be.at.least(9);
    }
  });

  it('grows with the image', () => {
    const small = draw([300, 300], [50, 50, 90, 90], [0], null, { labelNames: names });
    const large = draw([3000, 4000], [500, 500, 900, 900], [0], null, { labelNames: names });
    expect(large.texts[0]!.size).to.be.greaterThan(5 * small.texts[0]!.size);
    expect(large.lineWidth).to.be.greaterThan(5 * small.lineWidth);
    const fixed = draw([3000, 4000], [500, 500, 900, 900], [0], null, {
      labelNames: names,
      lineWidth: 2,
      fontSize: 12,
    });
    expect([fixed.lineWidth, fixed.texts[0]!.size]).to.deep.equal([2, 12]);
  });

  it('writes in black on light and in white on dark colours', () => {
    const ink = (color: [number, number, number]) =>
      draw([300, 300], [50, 50, 90, 90], null, [1], { instanceColors: [color] }).texts[0]!.style;
    expect(ink([255, 255, 0])).to.equal('black');
    expect(ink([0, 0, 128])).to.equal('white');
  });

  it('draws the best box last, and its tag in the best place', () => {
    const same = [100, 100, 200, 200];
    const { strokes, fills, texts } = draw(
      [480, 640],
      [...same, ...same, ...same],
      [0, 1, 2],
      [0.2, 0.9, 0.5],
      {
        labelNames: names,
        instanceColors: [
          [1, 0, 0],
          [2, 0, 0],
          [3, 0, 0],
        ],
      },
    );
    expect(strokes.map((s) => s.style)).to.deep.equal(['rgb(1, 0, 0)', 'rgb(3, 0, 0)', 'rgb(2, 0, 0)']);
    expect(texts.at(-1)!.text).to.equal('bicycle: 0.90');
    expect(fills.at(-1)!.y + fills.at(-1)!.height).to.be.at.most(100);
    const places = fills.map((f) => f.y);
    expect(new Set(places).size).to.equal(3);
    const unsorted = draw([480, 640], [...same, ...same], [0, 1], [0.9, 0.2], {
      labelNames: names,
      sortByScore: false,
    });
    expect(unsorted.texts.at(-1)!.text).to.equal('bicycle: 0.20');
  });

  it('refuses what does not fit', () => {
    expect(() => draw([9, 9], [0, 0, 1, 1], [], null)).to.throw(BboxFormatError, '1 labels');
    expect(() => draw([9, 9], [0, 0, 1, 1], null, [1, 2])).to.throw(BboxFormatError, '1 scores');
    expect(() => draw([9, 9], [0, 0, 1, 1], [20], null, { labelNames: names })).to.throw(
      BboxFormatError,
      'label 20',
    );
    expect(() => draw([9, 9], [0, 0, 1], null, null)).to.throw(BboxFormatError, 'multiple of 4');
  });
});

describe('vision/visualizations/visImage', () => {
  it('draws grey and limits values', () => {
    const canvas = createCanvas(2, 1);
    const context = canvas.getContext('2d');
    visImage(context, { data: Float32Array.from([-5, 300]), shape: [1, 2, 1] });
    expect([...context.getImageData(0, 0, 2, 1).data]).to.deep.equal([0, 0, 0, 255, 255, 255, 255, 255]);
    expect(() => visImage(context, { data: new Uint8Array(8), shape: [1, 2, 4] })).to.throw(
      ImageFormatError,
      '1 or 3',
    );
  });
});

describe('vision/visualizations/vocColormap', () => {
  it('has the colours of PASCAL VOC', () => {
    expect(vocColormap(0)).to.deep.equal([0, 0, 0]);
    expect(vocColormap(1)).to.deep.equal([128, 0, 0]);
    expect(vocColormap(2)).to.deep.equal([0, 128, 0]);
    expect(vocColormap(3)).to.deep.equal([128, 128, 0]);
    expect(vocColormap(15)).to.deep.equal([192, 128, 128]);
    expect(vocColormap(20)).to.deep.equal([0, 64, 128]);
    expect(vocColormap(255)).to.deep.equal([224, 224, 192]);
    expect(new Set(Array.from({ length: 256 }, (_, i) => String(vocColormap(i)))).size).to.equal(256);
  });
});

describe('vision/visualizations/vocBboxLabelNames', () => {
  it('has 20 classes in alphabetical order', () => {
    expect(vocBboxLabelNames).to.have.length(20);
    expect([...vocBboxLabelNames].sort()).to.deep.equal(vocBboxLabelNames);
    expect(vocBboxLabelNames[14]).to.equal('person');
  });
});
