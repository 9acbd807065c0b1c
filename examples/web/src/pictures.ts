/** Pictures as they come: decoded one at a time, turned upright, made small, and closed again. */

export interface Imported {
  /** What is kept: a file of at most so many pixels along a side. */
  readonly image: Blob;
  readonly width: number;
  readonly height: number;
  /** Of the file that came, turned upright. */
  readonly original: { readonly width: number; readonly height: number };
  readonly thumbnail: Blob;
}

const THUMBNAIL = 144;

const isHeic = ({ name, type }: File): boolean => /\.hei[cf]$/i.test(name) || /^image\/hei[cf]/.test(type);
export const isPicture = (file: File): boolean => file.type.startsWith('image/') || isHeic(file);

const answer = (file: File): string =>
  isHeic(file)
    ? `${file.name} is an iPhone’s HEIC picture, which this browser cannot read. Send it as JPEG (Settings › Camera › Formats › “Most Compatible”), or open this page in Safari.`
    : `${file.name} cannot be read as a picture.`;

async function drawn(bitmap: ImageBitmap, side: number, type: string, crop = false): Promise<Blob> {
  const { width, height } = bitmap;
  const scale = crop ? side / Math.min(width, height) : Math.min(1, side / Math.max(width, height));
  const size = (length: number) => Math.max(1, crop ? side : Math.round(length * scale));
  const canvas = new OffscreenCanvas(size(width), size(height));
  const context = canvas.getContext('2d')!;
  context.imageSmoothingQuality = 'high';
  // What is transparent shows white, as on a page.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  const [w, h] = [width * scale, height * scale];
  context.drawImage(bitmap, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
  return canvas.convertToBlob({ type, quality: 0.92 });
}

/** Whether a JPEG's pixels are stored as a viewer shows them: then the file is kept as it is. */
async function isUpright(file: File): Promise<boolean> {
  const { imageHeader } = await import('@chaingrad/vision');
  return imageHeader(new Uint8Array(await file.arrayBuffer()))?.orientation === 1;
}

/** @throws Error with the file's name, and what to do. */
export async function importPicture(file: File, maxSide: number): Promise<Imported> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(answer(file));
  });
  try {
    const { width, height } = bitmap;
    const fits = Math.max(width, height) <= maxSide;
    const keep = fits && file.type === 'image/jpeg' && (await isUpright(file));
    const type = fits && file.type === 'image/png' ? 'image/png' : 'image/jpeg';
    const scale = Math.min(1, maxSide / Math.max(width, height));
    return {
      image: keep ? file : await drawn(bitmap, maxSide, type),
      width: Math.max(1, Math.round(width * scale)),
      height: Math.max(1, Math.round(height * scale)),
      original: { width, height },
      thumbnail: await drawn(bitmap, THUMBNAIL, 'image/jpeg', true),
    };
  } finally {
    bitmap.close();
  }
}
