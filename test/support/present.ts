/** What only some machines have: tests without it are skipped where one can see it, and fail where everything must be present. */

/**
 * Skips the test, or the tests of the hook, where something is absent. With CHAINGRAD_REQUIRE_ALL=1, as in the verification of the whole,
 * they fail instead.
 * @param what names it for a message, and says how to get it.
 */
export function requirePresent(present: boolean, what: string, context: Mocha.Context): void {
  if (present) return;
  if (process.env['CHAINGRAD_REQUIRE_ALL'] === '1') throw new Error(`Absent: ${what}`);
  context.skip();
}
