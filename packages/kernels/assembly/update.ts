/** Optimizer steps in one pass over the parameter, its gradient and its state. Every value is read and written once. */
import { madd, minI } from './simd';

const SGD: i32 = 0;
const MOMENTUM: i32 = 1;

/** Fields are 0 where the kind of update does not use them, or has no such state. */
@unmanaged
export class UpdateArgs {
  kind: i32;
  n: i32; perItem: i32;
  /** The parameter, its gradient and its state, and where the new parameter and state go. */
  p: usize; g: usize; a: usize; b: usize; max: usize;
  newP: usize; newA: usize; newB: usize; newMax: usize;
  /** SGD and momentum: the learning rate. Adam: the rate times eta. */
  lr: f32;
  /** Momentum: the decay of the velocity. */
  momentum: f32;
  /** Adam: 1 - beta1, 1 - beta2, eps, and the factor of decoupled weight decay, 1 - eta * weightDecayRate. */
  gain1: f32; gain2: f32; eps: f32; keep: f32;
  /** Added to the gradient: weightDecay * p. */
  weightDecay: f32;
}

/** Job: item is a block of perItem values. Lanes past the last value are computed and not stored. */
export function update(item: i32, args: UpdateArgs, scratch: usize): void {
  const first = item * args.perItem;
  const last = minI(first + args.perItem, args.n);
  let i = <usize>first << 2;
  const end = <usize>last << 2;
  for (; i + 16 <= end; i += 16) step(args, args.p + i, args.g + i, args.a + i, args.b + i, args.max + i, args.newP + i, args.newA + i, args.newB + i, args.newMax + i);
  if (i == end) return;
  // the last one to three values: copied to where four can be read and written
  const bytes = end - i;
  memory.fill(scratch, 0, 160);
  memory.copy(scratch, args.p + i, bytes);
  memory.copy(scratch + 16, args.g + i, bytes);
  if (args.a) memory.copy(scratch + 32, args.a + i, bytes);
  if (args.b) memory.copy(scratch + 48, args.b + i, bytes);
  if (args.max) memory.copy(scratch + 64, args.max + i, bytes);
  step(args, scratch, scratch + 16, scratch + 32, scratch + 48, scratch + 64, scratch + 80, scratch + 96, scratch + 112, scratch + 128);
  memory.copy(args.newP + i, scratch + 80, bytes);
  if (args.newA) memory.copy(args.newA + i, scratch + 96, bytes);
  if (args.newB) memory.copy(args.newB + i, scratch + 112, bytes);
  if (args.newMax) memory.copy(args.newMax + i, scratch + 128, bytes);
}

// @ts-ignore: decorator
@inline
function step(
  args: UpdateArgs, pAt: usize, gAt: usize, aAt: usize, bAt: usize, maxAt: usize,
  newP: usize, newA: usize, newB: usize, newMax: usize,
): void {
  const p = v128.load(pAt);
  const g = madd(f32x4.splat(args.weightDecay), p, v128.load(gAt));
  if (args.kind == SGD) {
    v128.store(newP, f32x4.sub(p, f32x4.mul(f32x4.splat(args.lr), g)));
    return;
  }
  const a = v128.load(aAt);
  if (args.kind == MOMENTUM) {
    const v = f32x4.sub(f32x4.mul(f32x4.splat(args.momentum), a), f32x4.mul(f32x4.splat(args.lr), g));
    v128.store(newA, v);
    v128.store(newP, f32x4.add(p, v));
    return;
  }
  const b = v128.load(bAt);
  const m = madd(f32x4.splat(args.gain1), f32x4.sub(g, a), a);
  let v = madd(f32x4.splat(args.gain2), f32x4.sub(f32x4.mul(g, g), b), b);
  v128.store(newA, m);
  v128.store(newB, v);
  if (args.max) {
    v = f32x4.pmax(v128.load(maxAt), v);
    v128.store(newMax, v);
  }
  const move = f32x4.div(f32x4.mul(f32x4.splat(args.lr), m), f32x4.add(f32x4.sqrt(v), f32x4.splat(args.eps)));
  v128.store(newP, f32x4.sub(f32x4.mul(f32x4.splat(args.keep), p), move));
}
