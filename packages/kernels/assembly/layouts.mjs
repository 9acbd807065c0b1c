/**
 * Reads the classes of the jobs' arguments out of the AssemblyScript compiler, and writes them down for TypeScript: the types
 * that `Runtime.run` checks calls against, and where each field lies.
 */

/** Kinds of fields: how the compiler names their types, and how TypeScript does. */
const numbers = { usize: 'Pointer', i32: 'number', f32: 'number', bool: 'boolean' };

/** The class whose fields are written as arrays. */
const LIST = 'Int32List';

/** A transform for `asc` that fills `jobs`, `structs` and `functions` when the program is compiled. */
export function layoutReader() {
  const found = { jobs: {}, structs: {}, functions: {} };

  const addStruct = (cls) => {
    const { name } = cls;
    if (name in found.structs) return;
    const fields = [];
    for (const [field, member] of cls.members) {
      const { memoryOffset: offset, type } = member.instance ?? {};
      if (offset === undefined || offset < 0) continue;
      const inner = type.getClass();
      const text = type.toString();
      if (inner !== null && inner.name !== LIST) addStruct(inner);
      const kind = inner === null ? text : inner.name === LIST ? 'list' : 'struct';
      if (inner === null && !(kind in numbers)) throw new Error(`${name}.${field} has type ${text}, which no argument can have`);
      fields.push({ field, offset, kind, struct: kind === 'struct' ? inner.name : null, optional: text.endsWith('| null') });
    }
    found.structs[name] = { bytes: cls.nextMemoryOffset, fields: fields.sort((a, b) => a.offset - b.offset) };
  };

  class Reader {
    afterCompile() {
      const { exports } = this.program.filesByName.get('assembly/index');
      for (const [name, prototype] of exports) {
        const { signature } = this.program.instancesByName.get(prototype.internalName);
        const types = signature.parameterTypes;
        const args = types.length === 3 ? types[1].getClass() : null;
        if (args === null) {
          found.functions[name] = prototype.functionTypeNode.parameters.map((p, i) => [p.name.text, types[i].toString()]);
          continue;
        }
        addStruct(args);
        found.jobs[name] = args.name;
      }
    }
  }
  return { found, transform: Reader };
}

const typeOf = ({ kind, struct, optional }) =>
  `${kind === 'list' ? 'readonly number[]' : (struct ?? numbers[kind])}${optional ? ' | null' : ''}`;

/** The source of layouts.generated.ts. */
export function layoutsSource({ jobs, structs, functions }) {
  const lines = [];
  lines.push('/** An address in the heap; 0 for none. */', 'export type Pointer = number;', '');
  for (const [name, { fields }] of Object.entries(structs)) {
    lines.push(`export interface ${name} {`);
    for (const field of fields) lines.push(`  readonly ${field.field}: ${typeOf(field)};`);
    lines.push('}', '');
  }
  lines.push('/** The jobs of the binaries and their arguments. */', 'export interface Jobs {');
  for (const [name, struct] of Object.entries(jobs)) lines.push(`  readonly ${name}: ${struct};`);
  lines.push('}', '', '/** The functions of the binaries that only compute sizes. */', 'export interface Sizes {');
  for (const [name, parameters] of Object.entries(functions))
    lines.push(`  ${name}(${parameters.map(([p, type]) => `${p}: ${numbers[type]}`).join(', ')}): number;`);
  lines.push('}', '', '/** Where the fields of the arguments lie: [name, offset, kind, class of a `struct`]. */');
  lines.push('export const structs = {');
  for (const [name, { bytes, fields }] of Object.entries(structs)) {
    lines.push(`  ${name}: {`, `    bytes: ${bytes},`, '    fields: [');
    for (const { field, offset, kind, struct, optional } of fields) {
      const more = struct === null ? '' : `, '${struct}'`;
      lines.push(`      ['${field}', ${offset}, '${optional ? `${kind}?` : kind}'${more}],`);
    }
    lines.push('    ],', '  },');
  }
  lines.push('} as const;', '', '/** The class of the arguments of each job. */', 'export const jobs = {');
  for (const [name, struct] of Object.entries(jobs)) lines.push(`  ${name}: '${struct}',`);
  lines.push('} as const;', '');
  return lines.join('\n');
}
