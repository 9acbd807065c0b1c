/**
 * What every bundle for pages begins with. Browsers without `using` (Firefox 140 is one) lack its symbols: classes would have methods
 * named "undefined", for which esbuild's helper then looks under other names.
 */
export const disposeSymbols =
  "Symbol.dispose??=Symbol.for('Symbol.dispose');Symbol.asyncDispose??=Symbol.for('Symbol.asyncDispose');";
