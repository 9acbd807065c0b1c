/** Every order in which asynchronous steps can happen, one after the other: exploration instead of luck. */

/** One run: the points where it may go either way ask here. */
export interface Schedule {
  /** Takes one of `count` ways, 0 to count - 1; every one is taken in some run. */
  choose(count: number): number;
}

/**
 * Runs `once` for every sequence of choices that it can make.
 * @returns how many runs there were.
 */
export async function exploreSchedules(once: (schedule: Schedule) => Promise<void>): Promise<number> {
  const path: { way: number; count: number }[] = [];
  for (let runs = 1; ; runs++) {
    let at = 0;
    await once({
      choose(count) {
        if (at === path.length) path.push({ way: 0, count });
        return path[at++]!.way;
      },
    });
    while (path.length > 0 && path.at(-1)!.way + 1 === path.at(-1)!.count) path.pop();
    if (path.length === 0) return runs;
    path.at(-1)!.way += 1;
  }
}

/** Lets all that waits for no more than promises go on until it waits for something else. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
