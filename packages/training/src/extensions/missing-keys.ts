import { nearestName } from '@chaingrad/core';

/**
 * Warns of names that are asked for and not among the values, which a misspelt one never is. Values may come later, e.g. those of
 * a rare evaluation, so it is no error.
 */
export function warnOfMissing(where: string, asked: readonly string[], values: readonly string[]): void {
  for (const key of asked) {
    if (values.includes(key)) continue;
    const nearest = nearestName(key, values);
    const hint = nearest === null ? `There are ${values.join(', ')}.` : `Did you mean '${nearest}'?`;
    console.warn(`${where}: expected a value '${key}', got none in the first entry. ${hint}`);
  }
}
