import type { About, WeightFile } from '@chaingrad/weights';

/**
 * What a file fixes of an SSD: of ours what it says of itself; of others the number of classes follows from the heads, which
 * have 4 offsets and one value a class for each default box.
 */
export async function toldByFile(
  file: WeightFile,
  about: About | null,
): Promise<{ nFgClass?: number; scoreFunction?: About['scoreFunction']; insize?: number }> {
  if (about !== null) {
    const { nFgClass, scoreFunction, insize } = about;
    return { nFgClass, scoreFunction, ...(insize === undefined ? {} : { insize }) };
  }
  const [loc, conf] = await Promise.all(
    ['multibox/loc/0/b', 'multibox/conf/0/b'].map(async (key) =>
      file.has(key) ? (await file.info(key)).shape[0] : undefined,
    ),
  );
  const nFgClass = loc === undefined || conf === undefined ? 0 : conf / (loc / 4) - 1;
  return Number.isInteger(nFgClass) && nFgClass > 0 ? { nFgClass } : {};
}
