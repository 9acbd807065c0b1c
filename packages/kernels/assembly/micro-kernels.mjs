/**
 * Writes the source of the micro-kernels: one function for each kind and each height of the register tile, of one template,
 * because AssemblyScript has no loops over local variables and the accumulators must be locals to stay in registers.
 *
 * One function per height: inlined into one, they share V8's registers and the tall ones spill. The inner loop must stay small
 * and must not be unrolled by hand: V8 then spills the pointers (26 instead of 57 GFLOP/s). The tall ones take their first
 * column before the loop: V8 folds no offset into a splat load, computes the address of each row in each turn, and takes such
 * instructions out of a loop only where the code before it has computed the same (short loops it peels itself). That is a sixth
 * of the instructions, which processors that begin 4 in a cycle (Intel before Ice Lake) or share that with a sibling wait for.
 */

/** The tallest register tile of any target; `MR` of simd.ts is the tallest that a target uses. */
const TALLEST = 6;

/** Heights that only the targets with tiles of 6 rows have (simd.ts). */
const SHORTEST_TALL = 5;

/** Heights that take two panels at once in the binary for 256 bits (PANELS of simd.ts); others take one after the other. */
const SHORTEST_PAIR = 4;

/**
 * The kinds of micro-kernel.
 *
 * - `packed`: whether A is packed in chunks of 64 columns, [chunk][MR][64]; else its row values are side by side.
 * - `planes`: whether the columns of A are where a table of offsets tells; else they follow each other, a strip [k][24].
 * - `init`: whether the sums start from `init`, rows initRow bytes apart; else they start from zero.
 * - `ahead`: whether what lies from `next` (0 for nothing) to `nextEnd` is read into the caches meanwhile; the function returns what no one needs to know.
 * - `pairs`: whether there is one for two panels of B: the second panel, its results and what they start from are `bNext`, `cNext`, `initNext` bytes on.
 * - `bytes`: whether a column is four whole numbers of 8 bits, and the sums are of 32 bits until they are scaled, where `post` is given.
 * - `after`: whether the sums are scaled and shifted (`post`, 0 for neither: 8 scales, then 8 shifts) and end in an activation.
 */
const kinds = {
  Plain: {
    ...{ packed: true, ahead: true, pairs: true, init: false, after: false },
    doc: 'All row groups of packed A against one panel of B: c = a * b. What lies from `next` to `nextEnd` is read ahead.',
  },
  Full: {
    ...{ packed: true, pairs: true, init: true, after: true },
    doc: 'All row groups of packed A against one panel of B: c = act(post(init + a * b)). initRow 0 repeats one row of `init`.',
  },
  Bytes: {
    ...{ packed: true, bytes: true, init: true, after: true },
    doc: 'As panelFull, one panel, of four bytes a column. Without `post` c holds whole numbers, as `init` always does.',
  },
  Strip: {
    ...{ packed: false, pairs: true, init: true, after: false },
    doc: 'One strip of up to 24 rows, A as [k][24], against one panel of B: c = init + a * b.',
  },
  Planes: {
    ...{ packed: false, planes: true, init: true, after: true },
    doc: 'Rows side by side, column k of A at a + table[k], against one panel of B: c = act(post(init + a * b)). initRow 0 repeats one row of `init`.',
  },
};

const parameters = ({ planes, ahead, pairs, init, after }, double) =>
  [
    ...['groups: i32', 'a: usize', 'b: usize', 'k: i32', 'c: usize', 'cRow: usize'],
    ...(init ? ['init: usize', 'initRow: usize'] : []),
    ...(after ? ['post: usize', 'act: i32'] : []),
    ...(planes ? ['table: usize'] : []),
    ...(ahead ? ['next: usize', 'nextEnd: usize', 'lines: usize'] : []),
    ...(pairs && double ? ['bNext: usize', 'cNext: usize', ...(init ? ['initNext: usize'] : [])] : []),
  ].join(', ');

/**
 * One function: `groups` tiles of `rows` rows by 8 columns, one below the other, of one panel or of two; row r's accumulators are cr0
 * (columns 0 to 3) and cr1 (4 to 7), those of the second panel cr2 and cr3.
 */
function microKernel(name, rows, kind, double) {
  const { packed, planes, ahead, bytes, init, after } = kind;
  const each = (line, indent) => Array.from({ length: rows }, (_, r) => `${' '.repeat(indent)}${line(r)}`).join('\n');
  const quarters = double ? [0, 1, 2, 3] : [0, 1];
  const perQuarter = (text) => quarters.map(text).join(' ');
  /** Loads quarter q of a row that is at `at`, that of the second panel `next` bytes on. */
  const load = (at, next, q) => `v128.load(${q < 2 ? at : `${at} + ${next}`}${q % 2 ? ', 16' : ''})`;
  const clamp = (op, bound, indent) => each((r) => perQuarter((q) => `c${r}${q} = f32x4.${op}(c${r}${q}, ${bound});`), indent);
  const element = (r) => (packed ? `v128.load32_splat(row, ${r} * A_ROW)` : `v128.load32_splat(row, ${4 * r})`);
  const start = init
    ? `${each((r) => `${perQuarter((q) => `c${r}${q} = ${load('init', 'initNext', q)};`)} init += initRow;`, 4)}\n`
    : '';
  const multiply = `${planes ? '        const row = a + load<usize>(entry);\n' : ''}        ${perQuarter((q) => `const b${q} = ${load('at', 'bNext', q)};`)}
${each((r) => `const a${r} = ${element(r)}; ${perQuarter((q) => `c${r}${q} = ${bytes ? `dot4(b${q}, a${r}` : `madd(a${r}, b${q}`}, c${r}${q});`)}`, 8)}
        ${planes ? 'entry += 4' : `row += ${packed ? 4 : 96}`};
        at += 32;`;
  const end = after
    ? `    if (post) {
      ${perQuarter((q) => `const s${q} = ${load('post', 'AFTER', q)}, t${q} = ${load('post + 32', 'AFTER', q)};`)}
${each((r) => perQuarter((q) => `c${r}${q} = madd(${bytes ? `f32x4.convert_i32x4_s(c${r}${q})` : `c${r}${q}`}, s${q}, t${q});`), 6)}
    }
    if (act >= RELU) {
${clamp('pmax', 'zero', 6)}
    }
    if (act == RELU6) {
      const six = f32x4.splat(6);
${clamp('pmin', 'six', 6)}
    }
`
    : '';
  const columns = (count) => `      const end = at + ((<usize>${count}) << 5);
${rows >= SHORTEST_TALL || double ? `      {\n${multiply}\n      }\n      if (at != end) ` : '      '}do {
${multiply}
      } while (at != end);
`;
  const readAhead = '      for (const stop = min(next + lines, nextEnd); next < stop; next += 64) seen ^= load<i32>(next);\n';
  const chunks = `    let left = k;
    do {
      const n = left < CHUNK ? left : CHUNK;
${ahead ? readAhead : ''}${columns('n')}      row += <usize>(A_CHUNK - (n << 2));
      left -= n;
    } while (left > 0);
`;
  const result = (r) => `${perQuarter((q) => `v128.store(c${q < 2 ? '' : ' + cNext'}, c${r}${q}${q % 2 ? ', 16' : ''});`)} c += cRow;`;
  return `function ${name}(${parameters(kind, double)}): ${ahead ? 'i32' : 'void'} {
  const zero = f32x4.splat(0);
${ahead ? '  let seen: i32 = 0;\n' : ''}${packed ? '  const bytes = groupBytes(k);\n' : ''}  do {
${each((r) => `let ${quarters.map((q) => `c${r}${q} = zero`).join(', ')};`, 4)}
${start}    let at = b;
${planes ? '    let entry = table;\n' : '    let row = a;\n'}${packed ? chunks : columns('k')}${end}${each(result, 4)}
    a += ${packed ? 'bytes' : 4 * rows};
  } while (--groups);
${ahead ? '  return seen;\n' : ''}}
`;
}

/** The function that walks the row groups and calls the micro-kernel of each group's height. */
function panel(kindName, kind) {
  const { packed, planes, ahead, pairs, init, after } = kind;
  const call = (rows, double, second) =>
    [
      `${ahead ? 'seen ^= ' : ''}${kernelName(kindName, rows, double)}(count, a, b${second ? ' + bNext' : ''}, k, c${second ? ' + cNext' : ''}, cRow`,
      ...(init ? [`init${second ? ' + initNext' : ''}`, 'initRow'] : []),
      ...(after ? [second ? 'post && post + AFTER' : 'post', 'act'] : []),
      ...(planes ? ['table'] : []),
      ...(ahead ? [second ? '0, 0, 0' : 'next, nextEnd, lines'] : []),
      ...(double ? ['bNext', 'cNext', ...(init ? ['initNext'] : [])] : []),
    ].join(', ');
  const chain = (from, to, indent, double, second) =>
    Array.from({ length: from - to + 1 }, (_, i) => from - i)
      .map((rows, i) => `${' '.repeat(indent)}${i > 0 ? 'else ' : ''}if (mr == ${rows}) ${call(rows, double, second)});`)
      .join('\n');
  const single = (indent) => `${' '.repeat(indent)}if (MR == ${TALLEST}) {
${chain(TALLEST, SHORTEST_TALL, indent + 2, false, false)}
${' '.repeat(indent)}}
${chain(SHORTEST_TALL - 1, 1, indent, false, false)}
`;
  const twice = `    if (PANELS == 2 && panels == 2 && mr >= ${SHORTEST_PAIR}) {
${chain(TALLEST, SHORTEST_PAIR, 6, true, false)}
    } else {
${single(6)}      if (PANELS == 2 && panels == 2) {
${chain(SHORTEST_PAIR - 1, 1, 8, false, true)}
      }
    }
`;
  const more = pairs ? `\n  panels: i32, bNext: usize, cNext: usize,${init ? ' initNext: usize,' : ''}` : '';
  const given = parameters(kind, false)
    .replace('groups: i32, a: usize, ', '')
    .replace('b: usize, k: i32', 'k: i32, b: usize')
    .replace(', lines: usize', '');
  return `/** ${kind.doc}${pairs ? ' Or against two of them; all of the second lies as many bytes on as is told.' : ''} */
// @ts-ignore: decorator
@inline
export function panel${kindName}(
  a: usize, rows: i32, ${given},${more}
): ${ahead ? 'i32' : 'void'} {
  const groups = groupsOf(rows);
${ahead ? AHEAD : ''}${packed ? '  const bytes = groupBytes(k);\n' : ''}  const base = rows / groups;
  const extra = rows - base * groups;
  // The first groups have a row more.
  for (let part = extra > 0 ? 0 : 1; part < 2; part++) {
    const mr = part == 0 ? base + 1 : base;
    const count = part == 0 ? extra : groups - extra;
${pairs ? twice : single(4)}    a += <usize>count * ${packed ? 'bytes' : '<usize>mr * 4'};
    c += <usize>(count * mr) * cRow;
${init ? '    init += <usize>(count * mr) * initRow;\n' : ''}${ahead ? '    next += <usize>(count * ceilDiv(k, CHUNK)) * lines;\n' : ''}  }
${ahead ? '  return seen;\n' : ''}}
`;
}

const kernelName = (kindName, rows, double) => `${kindName.toLowerCase()}${rows}${double ? 'Pair' : ''}`;

/**
 * A panel that comes from memory holds up the first group that multiplies with it, by more than its products take; there is no instruction
 * to fetch ahead. So each group loads a part of what comes next, some lines for each chunk: so few that the processor's own
 * prefetcher is there before.
 */
const AHEAD = `  let seen: i32 = 0;
  if (groups < 4) nextEnd = 0;
  const lines = <usize>ceilDiv(<i32>(nextEnd - next) / ceilDiv(k, CHUNK) >> 6, groups) << 6;
`;

/** The AssemblyScript source of micro-kernels.generated.ts. */
export function microKernels() {
  const parts = Object.entries(kinds).map(([kindName, kind]) => {
    const heights = Array.from({ length: TALLEST }, (_, i) => i + 1);
    const doubles = kind.pairs ? heights.filter((rows) => rows >= SHORTEST_PAIR) : [];
    return [
      ...heights.map((rows) => microKernel(kernelName(kindName, rows, false), rows, kind, false)),
      ...doubles.map((rows) => microKernel(kernelName(kindName, rows, true), rows, kind, true)),
      panel(kindName, kind),
    ].join('\n');
  });
  return `// Made by micro-kernels.mjs at build.
import { AFTER } from './after';
import { groupBytes, groupsOf } from './gemm';
import { A_CHUNK, A_ROW, CHUNK, MR, PANELS, RELU, RELU6, ceilDiv, dot4, madd } from './simd';

${parts.join('\n')}`;
}
