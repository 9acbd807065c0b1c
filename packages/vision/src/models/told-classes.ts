import type { WeightFile } from '@chaingrad/weights';

/**
 * The number of classes that a file of a classifier tells by the shape of its last bias.
 * @param biases the names that the bias may have.
 */
export const toldClasses =
  (...biases: readonly string[]) =>
  async (file: WeightFile): Promise<{ nClass?: number }> => {
    const key = biases.find((name) => file.has(name));
    const nClass = key === undefined ? undefined : (await file.info(key)).shape[0];
    return nClass === undefined ? {} : { nClass };
  };
