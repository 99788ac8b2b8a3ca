/** Converts zod's issues to problems: the value, what is allowed, the rule and the fix. */
import type { z } from 'zod';
import { describeValue } from '../errors';
import { deploymentJsonSchema, type SchemaNode, schemaAt } from './json-schema';
import { type DeploymentProblem, formatPath, nearest } from './problem';

type Issue = z.core.$ZodIssue;
type Path = readonly (string | number)[];

/** The problems of zod's issues, one per place. */
export function schemaProblems(issues: readonly Issue[], data: unknown): DeploymentProblem[] {
  const schema = deploymentJsonSchema();
  const problems = issues.flatMap((issue) => problemsOf(issue, data, schema));
  // One problem per place: the last one is the most specific.
  return [...new Map(problems.map((problem) => [formatPath(problem.path), problem])).values()];
}

/** The value at a path; undefined if the data ends before the path. */
export function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const part of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = Object.hasOwn(value, part)
      ? (value as Record<string | number, unknown>)[part]
      : undefined;
  }
  return value;
}

function problemsOf(issue: Issue, data: unknown, schema: SchemaNode): DeploymentProblem[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  const node = schemaAt(schema, path);
  const value = valueAt(data, path);
  const rule = node.description ?? 'The deployment file is one map of settings.';

  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(node.properties ?? {}).concat(node.propertyNames?.enum ?? []);
    return issue.keys.map((key) => ({
      path: [...path, key],
      key,
      value: valueAt(data, [...path, key]),
      allowed: `absent: ${describeValue(key)} is not one of ${list(known)}`,
      rule: 'An unknown key would be a setting that silently does not apply.',
      fix: suggestion(key, known) ?? 'Remove it.',
    }));
  }
  if (value === undefined) {
    return [
      {
        path,
        value,
        allowed: `given: ${expectation(issue)}`,
        rule,
        fix: `Add \`${path.at(-1) ?? 'it'}\`.`,
      },
    ];
  }
  return [{ path, value, allowed: expectation(issue), rule, fix: remedy(issue, value, node) }];
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return (
        { object: 'a map', record: 'a map', array: 'a list', int: 'a whole number' }[
          issue.expected as string
        ] ?? `a ${issue.expected}`
      );
    case 'invalid_value':
      return issue.values.length === 1
        ? describeValue(issue.values[0])
        : `one of ${list(issue.values.map(describeValue))}`;
    case 'too_small':
      return sized(
        issue.origin,
        `at least ${issue.minimum}`,
        issue.inclusive === false ? `more than ${issue.minimum}` : undefined,
      );
    case 'too_big':
      return sized(issue.origin, `at most ${issue.maximum}`, undefined);
    case 'invalid_format':
      return issue.format === 'regex'
        ? `of the form described below`
        : `a valid ${issue.format === 'email' ? 'email address' : issue.format}`;
    case 'invalid_union':
      return issue.errors
        .map((branch) => (branch[0] ? expectation(branch[0]) : 'something else'))
        .join(', or ');
    case 'invalid_key':
      return 'a map with valid names';
    default:
      return issue.message;
  }
}

function sized(origin: string, inclusive: string, exclusive: string | undefined): string {
  const bound = exclusive ?? inclusive;
  if (origin === 'array') return `a list of ${bound} entries`;
  if (origin === 'string') return `${bound} characters long`;
  return bound;
}

function remedy(issue: Issue, value: unknown, node: SchemaNode): string {
  if (
    issue.code === 'invalid_type' &&
    issue.expected === 'string' &&
    (typeof value === 'number' || typeof value === 'boolean')
  ) {
    return 'Put it in quotes, so that YAML keeps it as text.';
  }
  if (
    issue.code === 'invalid_type' &&
    typeof value === 'string' &&
    value.trim() !== '' &&
    !Number.isNaN(Number(value))
  ) {
    return `Remove the quotes: ${Number(value)}.`;
  }
  if (issue.code === 'invalid_value' && typeof value === 'string') {
    const meant = suggestion(value, issue.values.map(String));
    if (meant) return meant;
  }
  if (issue.code === 'too_small' && issue.origin !== 'array' && issue.origin !== 'string')
    return (
      'Raise it to ' +
      `${issue.inclusive === false ? `more than ${issue.minimum}` : issue.minimum}.`
    );
  if (issue.code === 'too_big' && issue.origin !== 'array' && issue.origin !== 'string')
    return `Lower it to ${issue.maximum}.`;
  return node.default === undefined
    ? 'Change it to meet the rule.'
    : `Remove it for the default, ${describeValue(node.default)}, or change it to meet the rule.`;
}

function suggestion(word: string, known: readonly string[]): string | undefined {
  const meant = nearest(word, known);
  return meant === undefined ? undefined : `Did you mean ${describeValue(meant)}?`;
}

function list(words: readonly string[]): string {
  return words.length > 8
    ? `${words.slice(0, 8).join(', ')}, … (${words.length} in all)`
    : words.join(', ');
}
