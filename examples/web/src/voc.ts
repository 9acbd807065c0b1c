/** Pictures with boxes from the files of a Pascal VOC folder: those of `Annotations` that have a picture. */

export interface VocPicture {
  readonly file: File;
  readonly objects: readonly {
    readonly name: string;
    readonly box: readonly [number, number, number, number];
  }[];
}

/** More would not fit into the memory of a phone. */
export const maxPictures = 200;

export async function readVoc(
  files: readonly (readonly [path: string, file: File])[],
): Promise<VocPicture[]> {
  const stem = (path: string) => path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '');
  const pictures = new Map(
    files
      .filter(([, { type }]) => type.startsWith('image/'))
      .map(([path, file]) => [stem(path), file] as const),
  );
  const found: VocPicture[] = [];
  for (const [path, file] of files) {
    const picture = pictures.get(stem(path));
    if (!path.endsWith('.xml') || picture === undefined) continue;
    const xml = new DOMParser().parseFromString(await file.text(), 'application/xml');
    const objects = [...xml.querySelectorAll('object')].flatMap((object) => {
      const name = object.querySelector('name')?.textContent?.trim() ?? '';
      // VOC counts pixels from 1.
      const [top, left, bottom, right] = ['ymin', 'xmin', 'ymax', 'xmax'].map(
        (key) => Number(object.querySelector(`bndbox > ${key}`)?.textContent ?? Number.NaN) - 1,
      ) as [number, number, number, number];
      const isBox = bottom > top && right > left;
      return name === '' || !isBox ? [] : [{ name, box: [top, left, bottom, right] as const }];
    });
    if (objects.length > 0) found.push({ file: picture, objects });
    if (found.length === maxPictures) break;
  }
  return found;
}
