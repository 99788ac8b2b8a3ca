/**
 * Values of a CloudFormation template as text, and readers for values whose type is not certain.
 * Intrinsic functions become references: `{"Fn::GetAtt":["Role","Arn"]}` becomes `${Role.Arn}`.
 */

import { isObject } from '../assembly';

/** The most characters of one value that a report shows. */
export const SHOWN_CHARACTERS = 120;

/** The value with each intrinsic function in it replaced by its text. */
export function resolved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolved);
  if (!isObject(value)) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first && (first[0] === 'Ref' || first[0].startsWith('Fn::')))
    return intrinsic(...first);
  return Object.fromEntries(entries.map(([key, inner]) => [key, resolved(inner)]));
}

function intrinsic(name: string, argument: unknown): string {
  if (name === 'Ref') return `\${${argument}}`;
  if (name === 'Fn::GetAtt')
    return `\${${Array.isArray(argument) ? argument.map(text).join('.') : text(argument)}}`;
  if (name === 'Fn::Join' && Array.isArray(argument) && Array.isArray(argument[1]))
    return argument[1].map(text).join(String(argument[0]));
  if (name === 'Fn::Sub' && typeof argument === 'string') return argument;
  if (name === 'Fn::GetStackOutput' && isObject(argument))
    return `\${${text(argument.StackName)}:${text(argument.OutputName)}}`;
  return `\${${name.replace('Fn::', '')} ${text(argument)}}`;
}

/**
 * The value on one line, never shortened. Equal values have equal texts, because object keys are
 * sorted.
 */
export function text(value: unknown): string {
  const plain = resolved(value);
  if (typeof plain === 'string') return plain;
  return (
    JSON.stringify(plain, (_key, inner: unknown) =>
      isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(byKey)) : inner,
    ) ?? ''
  );
}

/** The value on one line, shortened to `SHOWN_CHARACTERS`. */
export function shown(value: unknown): string {
  const whole = text(value).replace(/\s+/g, ' ');
  return whole.length > SHOWN_CHARACTERS ? `${whole.slice(0, SHOWN_CHARACTERS - 1)}…` : whole;
}

/** A list as it is, a single value as a list of one, and a missing value as an empty list. */
export function listOf(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** The objects of a list; empty if the value is not a list. */
export function objects(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Whether a boolean property is true. Templates may also write it as the string `true`. */
export function isTrue(value: unknown): boolean {
  return value === true || value === 'true';
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
