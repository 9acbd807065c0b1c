/** Which exported functions, classes and methods of a package take options, as the compiler sees it. */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));

let program: ts.Program | undefined;

/** One program for all packages: most of its time goes into the files that they share. */
function programOf(): ts.Program {
  if (program !== undefined) return program;
  const file = `${root}tsconfig.json`;
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(file, ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const indices = ['core', 'weights', 'training', 'vision'].map((name) => indexOf(name));
  program = ts.createProgram(indices, options);
  return program;
}

const indexOf = (name: string): string => `${root}packages/${name}/src/index.ts`;

/**
 * The names of what takes options: `save`, `Trainer`, `Trainer.extend`, `SSD300.fromPretrained`. A parameter is one of options
 * when its type says so by its name, or when it is an object none of whose properties must be given.
 * @param name of the package.
 */
export function optionTakers(name: string): string[] {
  const checker = programOf().getTypeChecker();
  const index = programOf().getSourceFile(indexOf(name))!;
  const found = new Set<string>();
  for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(index)!)) {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    if (!(target.flags & ts.SymbolFlags.Value)) continue;
    const declaration = target.valueDeclaration ?? target.declarations?.[0];
    // What another package exports is checked there.
    if (declaration === undefined || !declaration.getSourceFile().fileName.includes(`/packages/${name}/src/`))
      continue;
    const type = checker.getTypeOfSymbolAtLocation(target, index);
    const note = (path: string, signatures: readonly ts.Signature[]) => {
      if (signatures.some((signature) => takesOptions(signature, checker))) found.add(path);
    };
    note(symbol.name, type.getCallSignatures());
    note(symbol.name, ownConstructor(target, type));
    if (!(target.flags & ts.SymbolFlags.Class)) continue;
    const members = [...(target.members?.values() ?? []), ...(target.exports?.values() ?? [])];
    for (const member of members) {
      const own = member.valueDeclaration;
      if (!(member.flags & ts.SymbolFlags.Method) || own === undefined) continue;
      if (ts.getCombinedModifierFlags(own) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected))
        continue;
      if (member.name.startsWith('__#')) continue;
      note(`${symbol.name}.${member.name}`, checker.getTypeOfSymbol(member).getCallSignatures());
    }
  }
  return [...found].sort();
}

/** The signatures of a class's constructor, unless it is an abstract class's, which only classes of ours call. */
function ownConstructor(symbol: ts.Symbol, type: ts.Type): readonly ts.Signature[] {
  const { valueDeclaration: declaration } = symbol;
  const isAbstract =
    declaration !== undefined && ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Abstract;
  return isAbstract ? [] : type.getConstructSignatures();
}

function takesOptions(signature: ts.Signature, checker: ts.TypeChecker): boolean {
  return signature.getParameters().some((parameter) => {
    const type = checker.getNonNullableType(checker.getTypeOfSymbol(parameter));
    return isOptions(type, checker, parameter.name);
  });
}

function isOptions(type: ts.Type, checker: ts.TypeChecker, parameter: string): boolean {
  const name = (type.aliasSymbol ?? type.symbol)?.name ?? '';
  // The language's own, of errors.
  if (name === 'ErrorOptions') return false;
  if (/Options$/.test(name) || parameter === 'options') return true;
  // Options at the end of a list of arguments in several forms.
  if (type.isUnion())
    return type.types.some((each) => checker.isTupleType(each) && isOptions(each, checker, ''));
  if (checker.isTupleType(type)) {
    return checker.getTypeArguments(type as ts.TypeReference).some((each) => {
      return isOptions(checker.getNonNullableType(each), checker, '');
    });
  }
  if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) return false;
  if (type.symbol?.flags & ts.SymbolFlags.Class || type.getCallSignatures().length > 0) return false;
  if (checker.getIndexInfosOfType(type).length > 0) return false;
  const properties = checker.getPropertiesOfType(type);
  return properties.length > 0 && properties.every(({ flags }) => flags & ts.SymbolFlags.Optional);
}
