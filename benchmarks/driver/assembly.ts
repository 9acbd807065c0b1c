/** Small programs in AssemblyScript, compiled when they are measured. */
import asc from 'assemblyscript/asc';

/**
 * @param memoryPages pages of 64 KiB that the program has.
 * @returns the WASM binary.
 * @throws Error with what the compiler says.
 */
export async function compileAssembly(
  source: string,
  { relaxed, memoryPages }: { readonly relaxed: boolean; readonly memoryPages: number },
): Promise<Uint8Array> {
  let binary: Uint8Array | null = null;
  const flags = [
    ...['--optimizeLevel', '3', '--runtime', 'stub', '--noAssert'],
    ...['--enable', relaxed ? 'simd,relaxed-simd' : 'simd', '--initialMemory', `${memoryPages}`],
  ];
  const { error, stderr } = await asc.main(['program.ts', ...flags, '--outFile', 'program.wasm'], {
    readFile: (name) => (name === 'program.ts' ? source : null),
    writeFile: (name, contents) => {
      if (name === 'program.wasm') binary = contents as Uint8Array;
    },
    listFiles: () => [],
  });
  if (error !== null || binary === null) throw new Error(stderr.toString(), { cause: error });
  return binary;
}
