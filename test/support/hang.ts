/**
 * Milliseconds after which what has not ended hangs: so many, as a busy machine is many times slower than an idle one. Mocha waits a little
 * longer (.mocharc.json), as what a test waited for says more than that it did not end.
 */
export const HANG = 590_000;
