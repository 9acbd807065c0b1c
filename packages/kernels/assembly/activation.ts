/** The gradient before an activation, in one pass. */
import { RELU6, minI } from './simd';

@unmanaged
export class ActivationArgs {
  /** Values, values an item takes, and the number of the activation. */
  n: i32; perItem: i32; act: i32;
  dy: usize; y: usize; out: usize;
}

/** Job: out = dy where the output y of the activation was not clamped, else 0; perItem is a multiple of 4. */
export function activationGradient(item: i32, args: ActivationArgs, _scratch: usize): void {
  const first = item * args.perItem;
  const last = minI(first + args.perItem, args.n);
  const top = args.act == RELU6 ? <f32>6 : <f32>Infinity;
  let dy = args.dy + (<usize>first << 2);
  let y = args.y + (<usize>first << 2);
  let out = args.out + (<usize>first << 2);
  let i = first;
  for (; i + 4 <= last; i += 4) {
    const value = v128.load(y);
    const clamped = v128.or(f32x4.le(value, f32x4.splat(0)), f32x4.ge(value, f32x4.splat(top)));
    v128.store(out, v128.andnot(v128.load(dy), clamped));
    dy += 16;
    y += 16;
    out += 16;
  }
  for (; i < last; i++) {
    const value = load<f32>(y);
    store<f32>(out, value <= 0 || value >= top ? 0 : load<f32>(dy));
    dy += 4;
    y += 4;
    out += 4;
  }
}
