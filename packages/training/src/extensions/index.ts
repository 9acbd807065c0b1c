export * from './evaluator.ts';
export * from './fail-on-non-number.ts';
export * from './log-report.ts';
export * from './observe.ts';
export * from './print-report.ts';
export * from './shifts.ts';
export * from './snapshot.ts';
