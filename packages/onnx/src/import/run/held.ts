/**
 * Plain data that a link holds and its copies share. The traversal of a model looks for hidden parts in plain objects, which
 * these need not be searched for at every call.
 */
export class Held<T> {
  constructor(readonly value: T) {}
}
