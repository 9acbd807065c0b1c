/** A test file for open-handles.test.ts: it passes, and leaves a server open. */
import { createServer } from 'node:http';

describe('a test that closes nothing', () => {
  it('passes', (done) => {
    createServer().listen(0, 'localhost', done);
  });
});
