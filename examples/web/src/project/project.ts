/** A project: classes, pictures and their boxes. Values do not change; every change is a new project, which makes undo easy. */

/** In pixels of the picture. */
export type Box = readonly [yMin: number, xMin: number, yMax: number, xMax: number];

export interface LabelledBox {
  readonly label: number;
  readonly box: Box;
  /** Found by a model, and not yet looked at: training leaves it out. */
  readonly suggested?: true;
}

export interface Picture {
  /** Names its file in the storage. */
  readonly id: string;
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** 'test' where the folder that it came from says so: held out. 'auto': each fifth is. */
  readonly part: 'auto' | 'train' | 'test';
  readonly boxes: readonly LabelledBox[];
}

export interface Project {
  readonly names: readonly string[];
  readonly pictures: readonly Picture[];
}

export const emptyProject: Project = { names: [], pictures: [] };

/** Of so many labelled pictures one is held out. */
export const HELD_OUT = 5;

export const isEmpty = ({ names, pictures }: Project): boolean => names.length + pictures.length === 0;

const own = ({ boxes }: Picture): readonly LabelledBox[] => boxes.filter(({ suggested }) => !suggested);

const mapBoxes = (
  project: Project,
  change: (boxes: readonly LabelledBox[]) => readonly LabelledBox[],
): Project['pictures'] => project.pictures.map((picture) => ({ ...picture, boxes: change(picture.boxes) }));

export function addClass(project: Project, name: string): Project {
  return name === '' || project.names.includes(name)
    ? project
    : { ...project, names: [...project.names, name] };
}

/** Another name; that of another class joins the two. */
export function renameClass(project: Project, label: number, name: string): Project {
  const other = project.names.indexOf(name);
  if (name === '' || other === label) return project;
  if (other < 0) return { ...project, names: project.names.map((each, i) => (i === label ? name : each)) };
  const joined = mapBoxes(project, (boxes) =>
    boxes.map((box) => (box.label === label ? { ...box, label: other } : box)),
  );
  return removeClass({ ...project, pictures: joined }, label);
}

/** Its boxes go, too. */
export function removeClass(project: Project, label: number): Project {
  const pictures = mapBoxes(project, (boxes) =>
    boxes
      .filter((box) => box.label !== label)
      .map((box) => (box.label > label ? { ...box, label: box.label - 1 } : box)),
  );
  return { names: project.names.filter((_, i) => i !== label), pictures };
}

export const addPictures = (project: Project, pictures: readonly Picture[]): Project => ({
  ...project,
  pictures: [...project.pictures, ...pictures],
});

export const removePicture = (project: Project, id: string): Project => ({
  ...project,
  pictures: project.pictures.filter((picture) => picture.id !== id),
});

export const setBoxes = (project: Project, id: string, boxes: readonly LabelledBox[]): Project => ({
  ...project,
  pictures: project.pictures.map((picture) => (picture.id === id ? { ...picture, boxes } : picture)),
});

/** Of pictures of different sizes the boxes keep their share of it. */
export function scaledBoxes(from: Picture, to: Pick<Picture, 'width' | 'height'>): LabelledBox[] {
  const [y, x] = [to.height / from.height, to.width / from.width];
  return own(from).map(({ label, box: [top, left, bottom, right] }) => ({
    label,
    box: [top * y, left * x, bottom * y, right * x],
  }));
}

/** Adds what a folder or a model names; its labels become those of the project. */
export function withNames(
  project: Project,
  names: readonly string[],
): { project: Project; labels: number[] } {
  const next = names.reduce(addClass, project);
  return { project: next, labels: names.map((name) => next.names.indexOf(name)) };
}

/** What is learnt from, and what is held out to measure with; suggestions left out. */
export function split({ pictures }: Project): { train: Picture[]; test: Picture[] } {
  const labelled = pictures
    .map((picture) => ({ ...picture, boxes: own(picture) }))
    .filter(({ boxes }) => boxes.length > 0);
  const isTold = labelled.some(({ part }) => part === 'test');
  const isTest = ({ part }: Picture, i: number) =>
    isTold ? part === 'test' : part === 'auto' && i % HELD_OUT === HELD_OUT - 1;
  return {
    train: labelled.filter((picture, i) => !isTest(picture, i)),
    test: labelled.filter(isTest),
  };
}

const plural = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;

/** One sentence: what there is, or what to do next. */
export function describe(project: Project): string {
  const { train, test } = split(project);
  const labelled = [...train, ...test];
  const boxes = labelled.flatMap((picture) => picture.boxes);
  if (project.names.length === 0) return 'Name the first thing it shall find.';
  if (project.pictures.length === 0) return 'Add some pictures of it.';
  if (boxes.length === 0) return 'Draw a box around each thing.';
  const classes = new Set(boxes.map(({ label }) => label)).size;
  const held = test.length === 0 ? '' : `; ${test.length} of them held out to measure with`;
  return `${plural(boxes.length, 'box', 'boxes')} of ${plural(classes, 'class', 'classes')} on ${plural(labelled.length, 'picture', 'pictures')}${held}.`;
}
