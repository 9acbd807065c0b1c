/** Lists of numbers among the arguments of a job. */

/** A list of i32, which the TypeScript side passes as an array: its length, then its values. */
@unmanaged
export class Int32List {
  length: i32;

  // @ts-ignore: decorator
  @inline
  at(i: i32): i32 {
    return load<i32>(changetype<usize>(this) + (<usize>i << 2), 4);
  }

  /** The address of value i. */
  // @ts-ignore: decorator
  @inline
  address(i: i32): usize {
    return changetype<usize>(this) + (<usize>i << 2) + 4;
  }
}
