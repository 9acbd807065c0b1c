/** Fails a run that does not end after its last test, and says what keeps it alive. */

/** How long a run may take to end after its last test, in milliseconds. */
const patience = Number(process.env['CHAINGRAD_TEST_PATIENCE'] ?? 15_000);

/** Ends the process as failed when it is still alive some seconds from now; of itself it keeps nothing alive. */
export function endByItself(): void {
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().filter((name) => name !== 'TTYWrap' && name !== 'PipeWrap');
    console.error(
      `The tests are over, but after ${patience / 1000} s the process still lives. Something was not closed: ` +
        `${open.join(', ') || 'nothing that Node lists'}. A test that opens a server, a worker, a browser, a timer or a child must ` +
        'close it.',
    );
    // mocha's own listener sets the exit code from the failures: this one comes after it.
    process.on('exit', () => {
      process.exitCode = 1;
    });
    process.exit(1);
  }, patience).unref();
}
