/** Runs `body` and gives what it warned of on the console. */
export async function warningsOf(body: () => Promise<unknown>): Promise<string[]> {
  const { warn } = console;
  const warnings: string[] = [];
  console.warn = (...args: unknown[]) => {
    warnings.push(args.join(' '));
  };
  try {
    await body();
  } finally {
    console.warn = warn;
  }
  return warnings;
}
