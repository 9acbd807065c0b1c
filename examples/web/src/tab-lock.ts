/** One tab has the project: two would write over each other, and run the same training. */

const NAME = 'chaingrad-studio';

/**
 * @param steal takes it from the tab that has it.
 * @param lost is told when another tab has taken it.
 * @returns whether this tab has it. Where there are no locks (plain http), it has.
 */
export function lockProject(steal: boolean, lost: () => void): Promise<boolean> {
  if (navigator.locks === undefined) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks
      .request(NAME, steal ? { steal } : { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        // Held until the page is left.
        return lock === null ? undefined : new Promise(() => {});
      })
      .catch(lost);
  });
}
