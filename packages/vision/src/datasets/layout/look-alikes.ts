/** What a folder holds that looks like labelled pictures and cannot be read as such. */
import type { DatasetFiles } from '../files.ts';
import { isRecord, jsonFiles } from '../formats/json.ts';
import { joinPath } from '../paths.ts';
import { decodeText } from '../text.ts';
import type { Tree } from './tree.ts';

/** Kinds of JSON that other tools write, by what they have at the top. */
function kindOfJson(value: unknown): string | null {
  if (Array.isArray(value)) {
    const [first] = value;
    if (isRecord(first) && 'data' in first && 'annotations' in first)
      return "Label Studio's own JSON: export it as COCO, YOLO or Pascal VOC";
    if (isRecord(first) && 'image_id' in first && 'score' in first)
      return "COCO's results: detections, no labels";
    return null;
  }
  if (!isRecord(value)) return null;
  const entries = Object.values(value);
  if ('_via_img_metadata' in value || entries.some((entry) => isRecord(entry) && 'regions' in entry))
    return "VGG Image Annotator's JSON: export it as COCO";
  if ('objects' in value && 'size' in value) return "Supervisely's JSON: export it as COCO or Pascal VOC";
  if ('images' in value && 'annotations' in value) return "JSON like COCO's without 'categories'";
  return null;
}

/** Sentences for the error; empty where the folder holds nothing of the kind. */
export async function lookAlikes(files: DatasetFiles, tree: Tree): Promise<string[]> {
  const notes = new Set<string>();
  for (const folder of tree.folders) {
    const at = (name: string) => joinPath(folder.path, name);
    for await (const { path, value } of jsonFiles(files, folder)) {
      const kind = kindOfJson(value);
      if (kind !== null) notes.add(`${path}: ${kind}`);
    }
    for (const name of tree.filesWith(folder.path, '.csv')) {
      const [header = ''] = decodeText(await files.read(at(name))).split('\n');
      if (/xmin|x_min|bbox|x1/i.test(header))
        notes.add(`${at(name)}: boxes in CSV: export them as Pascal VOC, COCO or YOLO`);
    }
    for (const ending of ['.tfrecord', '.tfrecords', '.record']) {
      for (const name of tree.filesWith(folder.path, ending))
        notes.add(`${at(name)}: TFRecord: export it as Pascal VOC, COCO or YOLO`);
    }
    for (const ending of ['.zip', '.tar', '.gz']) {
      for (const name of tree.filesWith(folder.path, ending)) notes.add(`${at(name)}: an archive: unpack it`);
    }
  }
  const images = tree.folders.reduce((sum, folder) => sum + folder.images.length, 0);
  if (images > 0) {
    const places = tree.folders.filter((folder) => folder.images.length > 0).map(({ path }) => path || '.');
    notes.add(
      `${images} pictures in ${places.slice(0, 5).join(', ')}${places.length > 5 ? ', ...' : ''} without labels`,
    );
  }
  return [...notes];
}
