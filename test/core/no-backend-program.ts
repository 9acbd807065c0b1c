/** Computes without a backend, in three ways, and prints what is thrown as JSON. */
import { Linear, tensor1d, zeros } from '@chaingrad/core';

const messages: string[] = [];
for (const compute of [() => new Linear(2, 2), () => tensor1d([1]), () => zeros([2, 2])]) {
  try {
    compute();
  } catch (error) {
    messages.push(`${(error as Error).name}: ${(error as Error).message}`);
  }
}
console.log(JSON.stringify(messages));
