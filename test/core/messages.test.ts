import { expect } from 'chai';
import { useTestBackend } from '../support/backends.ts';
import { describeMessages } from '../support/messages.ts';
import { runProgram } from '../support/program.ts';
import { mistakes } from './message-table.ts';

for (const backend of ['cpu', 'wasm'] as const) {
  describe(`messages about models, on ${backend}`, () => {
    before(() => useTestBackend(backend));
    describeMessages('of core', mistakes);
  });
}

describe('messages about backends', () => {
  it('say that a backend must be started first', async () => {
    const printed = await runProgram(new URL('no-backend-program.ts', import.meta.url));
    const messages = JSON.parse(printed) as string[];
    expect(messages).to.have.lengthOf(3);
    for (const message of messages) {
      expect(message).to.match(
        /^NoBackendError: No backend is ready to compute\. Call await useBackend\('auto'\) first/,
      );
    }
  });
});
