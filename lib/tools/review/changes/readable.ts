/** Values of a template as one reads them: references by name, joins joined, long ones cut. */

/** Characters of one value that a report shows. */
const SHOWN = 120;

/**
 * The value with its intrinsic functions as text: `{"Fn::GetAtt":["Role","Arn"]}` becomes
 * `${Role.Arn}`.
 */
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
 * The value on one line, whole: also what two values are compared by, whatever the order of their
 * keys.
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

/** The value on one line, cut where it is long. */
export function shown(value: unknown): string {
  const whole = text(value).replace(/\s+/g, ' ');
  return whole.length > SHOWN ? `${whole.slice(0, SHOWN - 1)}…` : whole;
}

export interface LeafDifference {
  /** Such as `DistributionConfig.CacheBehaviors.2.PathPattern`. */
  readonly name: string;
  readonly before?: string;
  readonly after?: string;
}

/**
 * Where two values differ, as deep as both go the same way. Of lists of different length: what one
 * has and the other has not.
 */
export function leafDifferences(name: string, before: unknown, after: unknown): LeafDifference[] {
  if (text(before) === text(after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) {
    if (before.length === after.length)
      return before.flatMap((each, i) => leafDifferences(`${name}.${i}`, each, after[i]));
    const gone = before.filter((each) => !after.some((other) => text(other) === text(each)));
    const come = after.filter((each) => !before.some((other) => text(other) === text(each)));
    if (gone.length + come.length === 0)
      return [{ name, before: `${before.length} items`, after: `${after.length} items` }];
    return [
      ...gone.map((each) => ({ name, before: shown(each) })),
      ...come.map((each) => ({ name, after: shown(each) })),
    ];
  }
  if (isTree(before) && isTree(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => leafDifferences(`${name}.${key}`, before[key], after[key]));
  }
  return [
    {
      name,
      ...(before === undefined ? {} : { before: excerpt(before, after) }),
      ...(after === undefined ? {} : { after: excerpt(after, before) }),
    },
  ];
}

/** Of two long texts, such as the code of a function, the part around their first difference. */
function excerpt(value: unknown, other: unknown): string {
  const [whole, against] = [text(value), text(other)];
  if (other === undefined || whole.length <= SHOWN) return shown(value);
  const same = [...whole].findIndex((char, i) => char !== against[i]);
  const start = Math.max(0, (same < 0 ? whole.length : same) - 20);
  return start === 0 ? shown(whole) : shown(`…${whole.slice(start)}`);
}

/** Whether the keys of the value are its own, and not those of an intrinsic function. */
function isTree(value: unknown): value is Record<string, unknown> {
  return isObject(value) && isObject(resolved(value));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
