/** The studio's state and logic, without a page. */
import { expect } from 'chai';
import { suggestedSteps, warnings } from '../../../examples/web/src/project/advice.ts';
import { boxAt, boxBetween, handleAt, iou, moved, resized } from '../../../examples/web/src/project/boxes.ts';
import { History } from '../../../examples/web/src/project/history.ts';
import {
  addClass,
  addPictures,
  describe as describeProject,
  emptyProject,
  type Picture,
  type Project,
  removeClass,
  renameClass,
  scaledBoxes,
  setBoxes,
  split,
} from '../../../examples/web/src/project/project.ts';
import {
  ProjectFileError,
  readProject,
  writeProject,
} from '../../../examples/web/src/project/project-file.ts';

const picture = (id: string, labels: readonly number[] = [], part: Picture['part'] = 'auto'): Picture => ({
  id,
  name: `${id}.jpg`,
  width: 100,
  height: 80,
  part,
  boxes: labels.map((label) => ({ label, box: [10, 20, 40, 60] })),
});
const project: Project = {
  names: ['cat', 'dog', 'cow'],
  pictures: [picture('a', [0, 1]), picture('b', [2]), picture('c')],
};
const labelsOf = ({ pictures }: Project) => pictures.map(({ boxes }) => boxes.map(({ label }) => label));

describe('studio: a project', () => {
  it('renames, joins and deletes classes with their boxes', () => {
    expect(renameClass(project, 0, 'tiger').names).to.deep.equal(['tiger', 'dog', 'cow']);
    const joined = renameClass(project, 0, 'cow');
    expect(joined.names).to.deep.equal(['dog', 'cow']);
    expect(labelsOf(joined)).to.deep.equal([[1, 0], [1], []]);
    const without = removeClass(project, 1);
    expect(without.names).to.deep.equal(['cat', 'cow']);
    expect(labelsOf(without)).to.deep.equal([[0], [1], []]);
    expect(addClass(project, 'dog')).to.equal(project);
  });

  it('holds out each fifth labelled picture, or those that a folder names', () => {
    const many = addPictures(
      { ...emptyProject, names: ['x'] },
      Array.from({ length: 12 }, (_, i) => picture(`p${i}`, i === 2 ? [] : [0])),
    );
    expect(split(many).test.map(({ id }) => id)).to.deep.equal(['p5', 'p10']);
    const told = addPictures(many, [picture('t', [0], 'test')]);
    expect(split(told).test.map(({ id }) => id)).to.deep.equal(['t']);
    const waiting = setBoxes(many, 'p2', [{ label: 0, box: [0, 0, 9, 9], suggested: true }]);
    expect(split(waiting).train).to.have.length(9);
    expect(describeProject(many)).to.equal(
      '11 boxes of 1 class on 11 pictures; 2 of them held out to measure with.',
    );
  });

  it('warns of few and small boxes, and suggests steps', () => {
    const small = setBoxes(project, 'a', [{ label: 0, box: [0, 0, 2, 2] }]);
    expect(warnings(small).join(' ')).to.match(/^cat: 1 box, few, and very small.*dog: no box yet/);
    expect(suggestedSteps(project)).to.equal(100);
    const many = addPictures(
      project,
      Array.from({ length: 100 }, (_, i) => picture(`p${i}`, [0])),
    );
    expect(suggestedSteps(many)).to.equal(420);
  });

  it('copies boxes to a picture of another size', () => {
    const [box] = scaledBoxes(picture('a', [1]), { width: 200, height: 40 });
    expect(box).to.deep.equal({ label: 1, box: [5, 40, 20, 120] });
  });

  it('is undone and redone, arrow keys in one', () => {
    const history = new History(0);
    history.push(1);
    history.push(2, 'arrow');
    history.push(3, 'arrow');
    expect(history.undo()).to.equal(true);
    expect(history.present).to.equal(1);
    history.redo();
    expect(history.present).to.equal(3);
    history.push(9);
    expect(history.canRedo).to.equal(false);
  });

  it('goes into one file and comes out the same; damaged ones are refused', async () => {
    const file = await writeProject(project, async ({ id }) => new TextEncoder().encode(id));
    const read = readProject(file);
    expect(read.project).to.deep.equal(project);
    expect(new TextDecoder().decode(read.contents.get('b'))).to.equal('b');
    expect(() => readProject(new Uint8Array(100))).to.throw(ProjectFileError);
    const wrong = await writeProject({ ...project, names: ['cat'] }, async () => new Uint8Array(1));
    expect(() => readProject(wrong)).to.throw(ProjectFileError, 'picture 1');
  });
});

describe('studio: geometry of boxes', () => {
  const box = [10, 20, 40, 60] as const;
  it('moves and resizes within the picture, never inside out', () => {
    expect(moved(box, -50, 50, [80, 100])).to.deep.equal([0, 60, 30, 100]);
    expect(resized(box, [1, 0], [5, 5], [80, 100])).to.deep.equal([10, 20, 14, 60]);
    expect(resized(box, [-1, -1], [-9, 3], [80, 100])).to.deep.equal([0, 3, 40, 60]);
  });
  it('finds handles, and the smallest box at a point', () => {
    expect(handleAt(box, [41, 59], 3)).to.deep.equal([1, 1]);
    expect(handleAt(box, [25, 40], 3)).to.equal(null);
    expect(boxAt([{ box: [0, 0, 80, 100] }, { box }], [20, 30], 0)).to.equal(1);
    expect(boxAt([{ box }], [70, 90], 2)).to.equal(-1);
  });
  it('takes two points as a box, and slips of the pointer as none', () => {
    expect(boxBetween([30, 50], [-5, 10], [80, 100])).to.deep.equal([0, 10, 30, 50]);
    expect(boxBetween([30, 50], [31, 90], [80, 100])).to.equal(null);
    expect(iou(box, box)).to.equal(1);
  });
});
