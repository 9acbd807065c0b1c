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

/** Heights that only the binary with fused multiply-adds has registers for. */
const SHORTEST_RELAXED = 5;

/**
 * The kinds of micro-kernel.
 *
 * - `packed`: whether A is packed in chunks of 64 columns, [chunk][MR][64]; else its row values are side by side.
 * - `planes`: whether the columns of A are where a table of offsets tells; else they follow each other, a strip [k][24].
 * - `init`: whether the sums start from `init`, rows initRow bytes apart; else they start from zero.
 * - `ahead`: whether the panel `next` (0 for none) is read into the caches meanwhile; the function returns what no one needs to know.
 * - `after`: whether the sums are scaled and shifted (`post`, 0 for neither: 8 scales, then 8 shifts) and end in an activation.
 */
const kinds = {
  Plain: {
    ...{ packed: true, ahead: true, init: false, after: false },
    doc: 'All row groups of packed A against one panel of B: c = a * b. The panel that comes next, 0 for none, is read ahead.',
  },
  Full: {
    ...{ packed: true, init: true, after: true },
    doc: 'All row groups of packed A against one panel of B: c = act(post(init + a * b)). initRow 0 repeats one row of `init`.',
  },
  Strip: { packed: false, init: true, after: false, doc: 'One strip of up to 24 rows, A as [k][24], against one panel of B: c = init + a * b.' },
  Planes: {
    ...{ packed: false, planes: true, init: true, after: true },
    doc: 'Rows side by side, column k of A at a + table[k], against one panel of B: c = act(post(init + a * b)). initRow 0 repeats one row of `init`.',
  },
};

const parameters = ({ planes, ahead, init, after }) =>
  [
    ...['groups: i32', 'a: usize', 'b: usize', 'k: i32', 'c: usize', 'cRow: usize'],
    ...(init ? ['init: usize', 'initRow: usize'] : []),
    ...(after ? ['post: usize', 'act: i32'] : []),
    ...(planes ? ['table: usize'] : []),
    ...(ahead ? ['next: usize', 'nextEnd: usize', 'lines: usize'] : []),
  ].join(', ');

/**
 * A panel that comes from memory holds up the first group that multiplies with it, by more than its products take; there is no instruction
 * to fetch ahead. So each group loads a part of the next panel, some lines for each chunk: so few that the processor's own
 * prefetcher is there before.
 */
const AHEAD = `  let seen: i32 = 0;
  const nextEnd = next && groups >= 4 ? next + (<usize>k << 5) : 0;
  const lines = <usize>ceilDiv(CHUNK / 2, groups) << 6;
`;

/** One function: `groups` tiles of `rows` rows by 8 columns, one below the other; row r's accumulators are cr0 (columns 0 to 3) and cr1 (4 to 7). */
function microKernel(name, rows, kind) {
  const { packed, planes, ahead, init, after } = kind;
  const each = (line, indent) => Array.from({ length: rows }, (_, r) => `${' '.repeat(indent)}${line(r)}`).join('\n');
  const clamp = (op, bound, indent) => each((r) => `c${r}0 = f32x4.${op}(c${r}0, ${bound}); c${r}1 = f32x4.${op}(c${r}1, ${bound});`, indent);
  const element = (r) => (packed ? `v128.load32_splat(row, ${r} * A_ROW)` : `v128.load32_splat(row, ${4 * r})`);
  const start = init
    ? each((r) => `c${r}0 = v128.load(init); c${r}1 = v128.load(init, 16); init += initRow;`, 4)
    : '';
  const multiply = `${planes ? '        const row = a + load<usize>(entry);\n' : ''}        const b0 = v128.load(at);
        const b1 = v128.load(at, 16);
${each((r) => `const a${r} = ${element(r)}; c${r}0 = madd(a${r}, b0, c${r}0); c${r}1 = madd(a${r}, b1, c${r}1);`, 8)}
        ${planes ? 'entry += 4' : `row += ${packed ? 4 : 96}`};
        at += 32;`;
  const end = after
    ? `  if (post) {
    const s0 = v128.load(post), s1 = v128.load(post, 16), t0 = v128.load(post, 32), t1 = v128.load(post, 48);
${each((r) => `c${r}0 = madd(c${r}0, s0, t0); c${r}1 = madd(c${r}1, s1, t1);`, 4)}
  }
  if (act >= RELU) {
${clamp('pmax', 'zero', 4)}
  }
  if (act == RELU6) {
    const six = f32x4.splat(6);
${clamp('pmin', 'six', 4)}
  }
`
    : '';
  const columns = (count) => `    const end = at + ((<usize>${count}) << 5);
${rows >= SHORTEST_RELAXED ? `    {\n${multiply}\n    }\n    if (at != end) ` : '    '}do {
${multiply}
    } while (at != end);
`;
  const chunks = `    let left = k;
    do {
      const n = left < CHUNK ? left : CHUNK;
${ahead ? '      for (const stop = min(next + lines, nextEnd); next < stop; next += 64) seen ^= load<i32>(next);\n' : ''}${columns('n')}      row += <usize>(A_CHUNK - (n << 2));
      left -= n;
    } while (left > 0);
`;
  return `function ${name}(${parameters(kind)}): ${ahead ? 'i32' : 'void'} {
  const zero = f32x4.splat(0);
${ahead ? '  let seen: i32 = 0;\n' : ''}${packed ? '  const bytes = groupBytes(k);\n' : ''}  do {
${each((r) => `let c${r}0 = zero, c${r}1 = zero;`, 4)}
${start}
    let at = b;
${planes ? '    let entry = table;\n' : '    let row = a;\n'}${packed ? chunks : columns('k')}${end}${each((r) => `v128.store(c, c${r}0); v128.store(c, c${r}1, 16); c += cRow;`, 4)}
    a += ${packed ? 'bytes' : 4 * rows};
  } while (--groups);
${ahead ? '  return seen;\n' : ''}}
`;
}

/** The function that walks the row groups and calls the micro-kernel of each group's height. */
function panel(kindName, kind) {
  const { packed, planes, ahead, init, after } = kind;
  const call = (rows) =>
    `${ahead ? 'seen ^= ' : ''}${kernelName(kindName, rows)}(count, a, b, k, c, cRow${init ? ', init, initRow' : ''}${after ? ', post, act' : ''}${planes ? ', table' : ''}${ahead ? ', next, nextEnd, lines' : ''});`;
  const chain = (from, to, indent) =>
    Array.from({ length: from - to + 1 }, (_, i) => from - i)
      .map((rows, i) => `${' '.repeat(indent)}${i > 0 ? 'else ' : ''}if (mr == ${rows}) ${call(rows)}`)
      .join('\n');
  return `/** ${kind.doc} */
// @ts-ignore: decorator
@inline
export function panel${kindName}(
  a: usize, rows: i32, ${parameters(kind).replace('groups: i32, a: usize, ', '').replace('b: usize, k: i32', 'k: i32, b: usize').replace(', nextEnd: usize, lines: usize', '')},
): ${ahead ? 'i32' : 'void'} {
  const groups = groupsOf(rows);
${ahead ? AHEAD : ''}${packed ? '  const bytes = groupBytes(k);\n' : ''}  const base = rows / groups;
  const extra = rows - base * groups;
  // The first groups have a row more.
  for (let part = extra > 0 ? 0 : 1; part < 2; part++) {
    const mr = part == 0 ? base + 1 : base;
    const count = part == 0 ? extra : groups - extra;
    if (ASC_FEATURE_RELAXED_SIMD) {
${chain(TALLEST, SHORTEST_RELAXED, 6)}
    }
${chain(SHORTEST_RELAXED - 1, 1, 4)}
    a += <usize>count * ${packed ? 'bytes' : '<usize>mr * 4'};
    c += <usize>(count * mr) * cRow;
${init ? '    init += <usize>(count * mr) * initRow;\n' : ''}${ahead ? '    next += <usize>(count * ceilDiv(k, CHUNK)) * lines;\n' : ''}  }
${ahead ? '  return seen;\n' : ''}}
`;
}

const kernelName = (kindName, rows) => `${kindName.toLowerCase()}${rows}`;

/** The AssemblyScript source of micro-kernels.generated.ts. */
export function microKernels() {
  const parts = Object.entries(kinds).map(([kindName, kind]) => {
    const heights = Array.from({ length: TALLEST }, (_, i) => i + 1);
    return [...heights.map((rows) => microKernel(kernelName(kindName, rows), rows, kind)), panel(kindName, kind)].join('\n');
  });
  return `// Made by micro-kernels.mjs at build.
import { groupBytes, groupsOf } from './gemm';
import { A_CHUNK, A_ROW, CHUNK, RELU, RELU6, ceilDiv, madd } from './simd';

${parts.join('\n')}`;
}
