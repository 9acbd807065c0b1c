/** A program of its own for large-windows.test.ts, on 2 threads. Prints JSON. */
import { checks } from './large-windows.ts';
import { startShared } from './shared-heap.ts';

const { threads } = await startShared(2);
const failures: string[] = [];
for (const [name, check] of checks(47)) {
  try {
    check();
  } catch (error) {
    failures.push(`${name}: ${error}`);
  }
}
console.log(JSON.stringify({ threads, failures }));
