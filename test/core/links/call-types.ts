/** What `call` accepts and gives, by type. Nothing runs here: the compiler is the test (`npm run types`). */
import {
  BatchNormalization,
  Chain,
  ChainDict,
  ChainList,
  Classifier,
  Convolution2D,
  Linear,
  Link,
  PickableSequentialChain,
  relu,
  replace,
  Sequential,
} from '@chaingrad/core';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const expectType =
  <Expected>() =>
  <Got>(_value: Got, ..._equal: Equal<Expected, Got> extends true ? [] : [never]) => {};

declare const x: Tensor4D;
declare const y: Tensor2D;
declare const linear: Linear;
declare const conv: Convolution2D;

/** A link of one's own with every kind of argument. */
class Pair extends Link {
  override forward(a: Tensor4D, b?: Tensor2D, ..._rest: number[]): [Tensor4D, Tensor2D | undefined] {
    return [a, b];
  }
}

/** A generic one, which calls its child. */
class Wrap<T extends Tensor, L extends Link & { forward(x: T): T }> extends Chain {
  constructor(readonly inner: L) {
    super();
  }
  override forward(h: T): T {
    return this.inner.call(h);
  }
}

/** Inside a class: children, itself, and a generic child by its bound. */
class Net<E extends Link & { forward(x: Tensor4D): Tensor3D[] }> extends Chain {
  readonly conv = new Convolution2D(3, 4, 3);
  readonly bn = new BatchNormalization(4);
  readonly fc = new Linear(2);
  constructor(readonly extractor: E) {
    super();
  }
  override forward(h: Tensor4D): Tensor2D {
    expectType<Tensor4D>()(this.bn.call(this.conv.call(h)));
    expectType<Tensor3D[]>()(this.extractor.call(h));
    return this.fc.call(relu(this.bn.call(this.conv.call(h))));
  }
  twice(h: Tensor4D): Tensor2D[] {
    return [this.call(h), this.call(h)];
  }
}

/** Any link with such a forward. */
function run<A extends unknown[], R>(link: Link & { forward(...args: A): R }, ...args: A): R {
  return link.call(...args);
}

export function calls(net: Net<Link & { forward(x: Tensor4D): Tensor3D[] }>): void {
  expectType<Tensor2D>()(linear.call(x));
  expectType<Tensor2D>()(linear.call(x, 2));
  expectType<Tensor4D>()(conv.call(x, 'relu'));
  expectType<[Tensor4D, Tensor2D | undefined]>()(new Pair().call(x, y, 1, 2));
  expectType<Tensor4D>()(new Wrap<Tensor4D, Convolution2D>(conv).call(x));
  expectType<Tensor2D>()(net.call(x));
  expectType<Tensor2D>()(run(net, x));
  expectType<Tensor2D>()(run(linear, x, 1));
  expectType<Tensor2D>()(new ChainList(linear).at(0).call(x));
  expectType<Tensor2D>()(new ChainDict({ linear }).get('linear').call(x));
  expectType<Tensor>()(new Sequential(linear, relu).call(x));
  expectType<Tensor | Tensor[]>()(new PickableSequentialChain().call(x));
  expectType<Tensor>()(new Classifier(linear).call(x, y));
  expectType<Tensor2D>()(new BatchNormalization<Tensor2D>(3).call(y, true));

  // @ts-expect-error: no argument
  linear.call();
  // @ts-expect-error: a string where an activation is named
  conv.call(x, 'gelu');
  // @ts-expect-error: two axes where four are needed
  conv.call(y);
  // @ts-expect-error: an argument too many
  conv.call(x, 'relu', 1);
  // @ts-expect-error: the second is a tensor
  new Pair().call(x, 3);
  // @ts-expect-error: what forward takes is not known of any Link
  (linear as Link).call(x);
  // @ts-expect-error: a child that gives other tensors
  new Wrap<Tensor4D, Linear>(linear);
  // @ts-expect-error: neither in generic code
  run(linear);
}

export function replaced(net: Net<Link & { forward(x: Tensor4D): Tensor3D[] }>): void {
  expectType<Linear>()(replace(net, (m) => m.fc, new Linear(null, 10)));
  // @ts-expect-error: a field of a Linear cannot take a convolution
  replace(net, (m) => m.fc, conv);
}
