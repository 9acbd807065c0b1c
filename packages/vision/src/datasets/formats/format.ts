/** What every format of annotations has to do: find its files in a folder, and read them. */
import type { Annotation } from '../detection-record.ts';
import type { DatasetFiles } from '../files.ts';
import type { LabelFormat, LayoutPart } from '../layout/layout-part.ts';
import type { Tree } from '../layout/tree.ts';
import type { ProblemLog } from '../problems.ts';

export interface FindContext {
  readonly files: DatasetFiles;
  readonly tree: Tree;
  /** The folder of the pictures, where the caller knows it. */
  readonly images: string | undefined;
  /** Is told what looks alike and is not, and why. */
  note(path: string, what: string): void;
}

export interface ReadContext {
  readonly files: DatasetFiles;
  readonly tree: Tree;
  readonly log: ProblemLog;
  /** How large a picture is, for annotations that do not say it; null with a problem told. */
  sizeOf(image: string): Promise<readonly [height: number, width: number] | null>;
}

export interface ReadPart {
  readonly annotations: readonly Annotation[];
  /** Classes in an order that the format has; else the alphabet decides. */
  readonly names?: readonly string[];
}

export interface Format {
  readonly name: LabelFormat;
  find(context: FindContext): Promise<LayoutPart[]>;
  read(part: LayoutPart, context: ReadContext): Promise<ReadPart>;
}
