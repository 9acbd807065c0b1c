/** What commands do with many pictures: one after the other, and a broken one does not stop the others. */
import { ImageError, oneLine } from './errors.ts';
import { type ImageFile, readImage } from './images.ts';
import { createProgress, type Progress } from './progress.ts';

export interface Picture extends ImageFile {
  /** As the user gave it. */
  readonly file: string;
}

/**
 * Reads and works on each picture. One that cannot be read is told on stderr and makes the exit code 1.
 *
 * @param onBroken is told of those, too.
 */
export async function eachPicture(
  files: readonly string[],
  work: (picture: Picture, progress: Progress) => Promise<void>,
  onBroken: (error: ImageError) => Promise<void> = async () => {},
): Promise<void> {
  const progress = createProgress(files.length);
  try {
    for (const file of files) {
      progress.next(file);
      try {
        await work({ file, ...(await readImage(file)) }, progress);
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        await onBroken(error);
        progress.around(() => process.stderr.write(`error: ${oneLine(error)}\n`));
        process.exitCode = 1;
      }
    }
  } finally {
    progress.stop();
  }
}
