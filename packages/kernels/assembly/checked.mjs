/**
 * The sources with every load and store checked against the buffers of the job: `node assembly/build.mjs --checked` writes the binaries
 * of them to build/checked. `npm run test:bounds` lets tests run on these.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Instructions that touch memory: how many bytes, and which argument is the offset from the address. */
const instructions = {
  'v128.load': ['16', 1],
  'v128.store': ['16', 2],
  'v128.load32_splat': ['4', 1],
  'v128.load32_zero': ['4', 1],
  'v128.load32_lane': ['4', 3],
  'v128.store32_lane': ['4', 3],
};
const instruction =
  /(?<![\w.])(?:(v128\.(?:load|store)\w*)|(load|store)<(\w+)>|(memory\.(?:copy|fill)))\(/g;

/** Where the parenthesis that is opened before `at` closes, and the arguments in it. */
function argumentsAt(source, at) {
  const found = [];
  let start = at;
  for (let depth = 0, i = at; ; i++) {
    const char = source[i];
    if (char === undefined) throw new Error(`no end of the arguments at ${at}`);
    if (char === ',' && depth === 0) {
      found.push(source.slice(start, i));
      start = i + 1;
    } else if ('([{'.includes(char)) depth++;
    else if (')]}'.includes(char) && depth-- === 0) return { end: i, args: [...found, source.slice(start, i)] };
  }
}

/** A source whose instructions look at their addresses first. @returns it, and how many there are. */
export function checkedSource(source) {
  let count = 0;
  const visit = (text) => {
    let out = '';
    let from = 0;
    for (const match of text.matchAll(instruction)) {
      if (match.index < from) continue;
      const { end, args } = argumentsAt(text, match.index + match[0].length);
      const [first, ...rest] = args.map(visit);
      const [, vector, scalar, type, block] = match;
      let parts;
      if (block !== undefined) {
        const length = rest.at(-1);
        const inner = block === 'memory.copy' ? [`readable(${rest[0]}, 0, ${length})`, length] : rest;
        parts = [`writable(${first}, 0, ${length})`, ...inner];
      } else {
        if (vector !== undefined && !(vector in instructions)) throw new Error(`${vector} is not checked`);
        const [bytes, offset] = vector !== undefined ? instructions[vector] : [`sizeof<${type}>()`, scalar === 'load' ? 1 : 2];
        const look = /load/.test(vector ?? scalar) ? 'readable' : 'writable';
        parts = [`${look}(${first}, ${args[offset] ?? 0}, ${bytes})`, ...rest];
      }
      count++;
      out += `${text.slice(from, match.index)}${match[0]}${parts.join(', ')})`;
      from = end + 1;
    }
    return out + text.slice(from);
  };
  return { source: visit(source), count };
}

/**
 * What the instructions call. The table lies at the address that word 4 of the memory holds (no program of C uses it): how many
 * ranges, where a job has gone wrong (address, bytes, whether it wrote), and from byte 16 on the ranges that the job may touch, from and up to.
 */
const look = `
/** A load of a whole vector may reach so many bytes behind the last value: the heap keeps them free behind every block (Heap). */
const BEHIND: u64 = 16;

function look(pointer: usize, offset: usize, bytes: usize, behind: u64): usize {
  if (bytes == 0) return pointer;
  const table = load<usize>(16);
  const count = load<i32>(table);
  const first = <u64>pointer + <u64>offset;
  for (let i = 0; i < count; i++) {
    const range = table + 16 + (<usize>i << 3);
    if (first >= <u64>load<u32>(range) && first + <u64>bytes <= <u64>load<u32>(range, 4) + behind) return pointer;
  }
  store<u32>(table, pointer + offset, 4);
  store<u32>(table, bytes, 8);
  store<u32>(table, behind == 0 ? 1 : 0, 12);
  unreachable();
  return pointer;
}

export function readable(pointer: usize, offset: usize, bytes: usize): usize {
  return look(pointer, offset, bytes, BEHIND);
}

export function writable(pointer: usize, offset: usize, bytes: usize): usize {
  return look(pointer, offset, bytes, 0);
}
`;

/** Writes the checked sources to a folder. @returns how many instructions they have. */
export function writeChecked(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync('assembly', folder, { recursive: true });
  let sum = 0;
  for (const name of readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.ts'))) {
    const file = join(folder, name);
    const { source, count } = checkedSource(readFileSync(file, 'utf8'));
    if (count === 0) continue;
    const path = relative(dirname(file), join(folder, 'look')).replaceAll('\\', '/');
    writeFileSync(file, `import { readable, writable } from '${path.startsWith('.') ? path : `./${path}`}';\n${source}`);
    sum += count;
  }
  writeFileSync(join(folder, 'look.ts'), look);
  return sum;
}
