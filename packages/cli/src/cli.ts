#!/usr/bin/env node
/** The entry of the command `chaingrad`. */
import { main } from './program.ts';

// Results go to stdout by name; whatever a library logs must not end up between them.
console.log = console.error;
console.info = console.error;

// `chaingrad ... | head` closes the pipe early: that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A command that has work to keep listens, too, and ends by itself.
  if (error.code === 'EPIPE' && process.stdout.listenerCount('error') > 1) return;
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

// Messages that nobody reads any more (`2>&1 | head`) stop no work; without a listener they would end the process.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.exit(1);
});

const code = await main(process.argv.slice(2));
// Worker threads of a backend keep a process alive: leave as soon as all is written.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
