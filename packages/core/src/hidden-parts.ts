/** What a value is called in a message when it is a part of a model; null for every other value. */
export type NameOfPart = (value: unknown) => string | null;

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** The values of a container that the traversal of a model does not look into; null for what is no container. */
function contents(value: object): [kind: string, values: Iterable<unknown>] | null {
  if (Array.isArray(value)) return ['an array', value];
  if (value instanceof Map) return ['a Map', [...value.keys(), ...value.values()]];
  if (value instanceof Set) return ['a Set', value];
  return isPlain(value) ? ['an object', Object.values(value)] : null;
}

/**
 * The first part of a model in an array, a plain object, a Map or a Set, at any depth, as 'an array with a link'; null where there
 * is none. Instances of other classes are not looked into.
 */
export function hiddenPart(value: object, nameOf: NameOfPart, seen = new Set<object>()): string | null {
  const found = contents(value);
  if (found === null || seen.has(value)) return null;
  seen.add(value);
  const [kind, values] = found;
  for (const item of values) {
    if (typeof item !== 'object' || item === null) continue;
    const part = nameOf(item);
    if (part !== null) return `${kind} with ${part}`;
    const deeper = hiddenPart(item, nameOf, seen);
    if (deeper !== null) return deeper;
  }
  return null;
}
