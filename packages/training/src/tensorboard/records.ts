/** TensorFlow's records ("TFRecord"): length, its checksum, content, its checksum. */
import { crc32c } from '@chaingrad/weights';

const before = 12;
const after = 4;

/** The checksum is masked, as records may contain records. */
function checksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

export function recordOf(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(before + content.length + after);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(content.length), true);
  view.setUint32(8, checksum(bytes.subarray(0, 8)), true);
  bytes.set(content, before);
  view.setUint32(before + content.length, checksum(content), true);
  return bytes;
}

/** The records of a file up to its end, or to the first that is damaged or was not written to its end. */
export function* recordsIn(
  file: Uint8Array,
): Generator<{ readonly record: Uint8Array; readonly content: Uint8Array }> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at + before <= file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    const end = at + before + length + after;
    if (view.getUint32(at + 8, true) !== checksum(file.subarray(at, at + 8)) || end > file.length) return;
    const content = file.subarray(at + before, end - after);
    if (view.getUint32(end - after, true) !== checksum(content)) return;
    yield { record: file.subarray(at, end), content };
    at = end;
  }
}
