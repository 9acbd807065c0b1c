/**
 * A small transformer of the kind that language models are. It learns to write a row of digits backwards: of "472=" it is asked what
 * follows, digit by digit.
 *
 *     npx tsx --conditions=chaingrad-source examples/models/transformer.ts [--steps 600]
 */
import {
  Adam,
  add,
  argMax,
  Chain,
  ChainList,
  EmbedID,
  GradientClipping,
  gelu,
  LayerNormalization,
  Linear,
  MultiHeadAttention,
  setSeed,
  softmaxCrossEntropy,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  tensor,
  tensor2d,
  useBackend,
} from '@chaingrad/core';
import { rng, stepsOf } from './data.ts';

const digits = 5;
const length = 2 * digits;

// #region model
class Block extends Chain {
  readonly ln1: LayerNormalization;
  readonly attention: MultiHeadAttention;
  readonly ln2: LayerNormalization;
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(units: number, heads: number) {
    super();
    this.ln1 = new LayerNormalization(units);
    this.attention = new MultiHeadAttention(units, heads);
    this.ln2 = new LayerNormalization(units);
    this.fc1 = new Linear(units, 4 * units);
    this.fc2 = new Linear(4 * units, units);
  }

  override forward(x: Tensor3D, mask: Tensor): Tensor3D {
    let h = this.ln1.call(x) as Tensor3D;
    let y = add<Tensor3D>(x, this.attention.call(h, h, h, mask));
    h = gelu(this.fc1.call(this.ln2.call(y), 2) as Tensor) as Tensor3D;
    y = add(y, this.fc2.call(h, 2) as Tensor);
    return y;
  }
}

class Transformer extends Chain {
  readonly token = new EmbedID(11, 64);
  readonly place = new EmbedID(length, 64);
  readonly blocks = new ChainList(new Block(64, 4), new Block(64, 4));
  readonly ln = new LayerNormalization(64);
  readonly out = new Linear(64, 11);

  /** @returns what may follow each token, (N, steps, 11). */
  override forward(ids: Tensor2D): Tensor3D {
    const steps = ids.shape[1];
    const places = tensor(
      Array.from({ length: steps }, (_, i) => i),
      [1, steps],
      'int32',
    );
    // Nobody looks ahead.
    const mask = tensor2d(
      Array.from({ length: steps }, (_, i) => Array.from({ length: steps }, (_, j) => Number(j <= i))),
    );
    let h: Tensor3D = add(this.token.call(ids) as Tensor, this.place.call(places) as Tensor);
    for (const block of this.blocks) h = block.call(h, mask);
    return this.out.call(this.ln.call(h), 2) as Tensor as Tensor3D;
  }
}
// #endregion model

/** Rows like 4 7 2 = 2 7, and what follows each of them; -1 where nobody can know. */
function draw(count: number): { ids: Tensor2D; t: Tensor } {
  const rows = Array.from({ length: count }, () => {
    const forth = Array.from({ length: digits }, () => rng.integer(10));
    return [...forth, 10, ...forth.reverse()];
  });
  return {
    ids: tensor2d(
      rows.map((row) => row.slice(0, -1)),
      [count, length],
      'int32',
    ),
    t: tensor(
      rows.map((row) => row.map((id, i) => (i <= digits ? -1 : id)).slice(1)),
      [count, length],
      'int32',
    ),
  };
}

const steps = stepsOf(600);
setSeed(0);
await useBackend('auto');

// #region training
const model = new Transformer();
const optimizer = new Adam({ alpha: 2e-3 }).setup(model);
optimizer.addHook(new GradientClipping(1));

for (let step = 1; step <= steps; step++) {
  const { ids, t } = draw(64);
  const loss = optimizer.update(() => softmaxCrossEntropy(model.call(ids), t));
  if (step % 10 === 0) console.log(`step ${step}: loss ${(await loss.data())[0]!.toFixed(3)}`);
  ids.dispose();
  t.dispose();
}

/** What the model writes after `row`, token by token. */
async function complete(row: readonly number[]): Promise<number[]> {
  const ids = [...row];
  while (ids.length <= length) {
    const next = model.evaluating(() => argMax(model.call(tensor2d([ids], [1, ids.length], 'int32')), -1));
    ids.push((await next.data()).at(-1)!);
    next.dispose();
  }
  return ids.slice(row.length);
}
// #endregion training

let right = 0;
for (let i = 0; i < 20; i++) {
  const row = Array.from({ length: digits }, () => rng.integer(10));
  const written = await complete([...row, 10]);
  right += Number(written.join('') === row.toReversed().join(''));
  if (i < 3) console.log(`${row.join('')}=${written.join('')}`);
}
console.log(`${right} of 20 rows right`);
console.log(`${model.countParams()} parameters`);
