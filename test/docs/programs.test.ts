/**
 * The programs in the guide. The blocks marked `ts` of a page are one program: it compiles, runs, and prints what its comments say
 * (`// → ...`), line by line. `ts alone` is a program of its own; `ts shown` compiles, but needs what is not here (a page, a network).
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import ts from 'typescript';
import { markedBlocks } from '../support/markdown.ts';
import { runProgram } from '../support/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Below the repository, so that the packages are found; none of git's.
const folder = `${root}out/docs-programs`;

interface Program {
  readonly name: string;
  readonly code: string;
  readonly runs: boolean;
}

/** The programs of a page. */
function programsOf(page: string): Program[] {
  const name = page.replace(/\W+/g, '-');
  const blocks = markedBlocks(`docs/${page}`, 'ts');
  const join = (mark: string) => blocks.filter(({ marks }) => marks === mark).map(({ code }) => code);
  const whole = join('').join('\n');
  return [
    ...(whole === '' ? [] : [{ name, code: whole, runs: true }]),
    ...join('alone').map((code, i) => ({ name: `${name}-alone-${i}`, code, runs: true })),
    ...join('shown').map((code, i) => ({ name: `${name}-shown-${i}`, code, runs: false })),
  ];
}

const pages = (await readdir(`${root}docs/guide`)).sort().map((file) => `guide/${file}`);
const programs = pages.flatMap(programsOf);

describe('the programs in the guide', () => {
  before(async () => {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await Promise.all(
      programs.map(({ name, code }) => writeFile(`${folder}/${name}.ts`, `${code}\nexport {};\n`)),
    );
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('compile', () => {
    const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    const program = ts.createProgram(
      programs.map(({ name }) => `${folder}/${name}.ts`),
      { ...options, noUnusedLocals: false },
    );
    const wrong = ts
      .getPreEmitDiagnostics(program)
      .filter(({ file }) => file?.fileName.startsWith(folder))
      .map(({ file, start, messageText }) => {
        const line = file!.getLineAndCharacterOfPosition(start!).line;
        const text = ts.flattenDiagnosticMessageText(messageText, '\n');
        return `${file!.fileName.slice(folder.length + 1)}: ${file!.text.split('\n')[line]}: ${text}`;
      });
    expect(wrong).to.deep.equal([]);
  });

  for (const { name, code } of programs.filter(({ runs }) => runs)) {
    it(`${name} prints what it says`, async () => {
      const cwd = await mkdtemp(`${folder}/cwd-`);
      const printed = (await runProgram(new URL(`file://${folder}/${name}.ts`), [], { cwd })).split('\n');
      let from = 0;
      for (const [, expected] of code.matchAll(/\/\/ → (.*)$/gm)) {
        const at = printed.indexOf(expected!.trimEnd(), from);
        expect(
          at,
          `"${expected}" is not printed, or too early; printed:\n${printed.join('\n')}`,
        ).not.to.equal(-1);
        from = at + 1;
      }
    });
  }

  it('are there for each page', () => {
    expect(programs.filter(({ runs }) => runs).length).to.be.at.least(10);
  });
});
