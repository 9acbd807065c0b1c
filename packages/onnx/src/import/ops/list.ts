/** The lists of operators for docs/onnx.md, from the tables of rules. */

import { operatorGroups } from '../tfjs/operators.ts';
import { tfliteTranslations } from '../tflite/operators.ts';
import { newestOpset, type Rule } from './rule.ts';
import { ruleGroups } from './table.ts';

const opsetsOf = ({ opsets: [first, last] }: Rule) =>
  last < newestOpset ? ` (${first}-${last})` : first > 1 ? ` (${first})` : '';

/** A table in Markdown: one row a group; behind each operator the opset in which it came, unless that is the first. */
export function operatorList(): string {
  const rows = Object.entries(ruleGroups).map(([group, rules]) => {
    const names = Object.entries(rules).map(([name, rule]) => `${name}${opsetsOf(rule)}`);
    return `| ${group} | ${names.join(', ')} |`;
  });
  return ['| | operators |', '|---|---|', ...rows].join('\n');
}

/** TensorFlow's operators, likewise. */
export function tfOperatorList(): string {
  const rows = Object.entries(operatorGroups).map(
    ([group, table]) => `| ${group} | ${Object.keys(table).join(', ')} |`,
  );
  return ['| | operators |', '|---|---|', ...rows].join('\n');
}

/** TFLite's operators by name, in the order of their numbers. */
export const tfliteOperatorList = (): string =>
  Object.values(tfliteTranslations)
    .map(({ name }) => name)
    .join(', ');
