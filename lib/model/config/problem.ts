import type { RuleText } from '../errors';
import { brokenRule, type Rule } from '../rules';

/** One mistake in a deployment file, with everything needed to fix it. */
export interface DeploymentProblem extends RuleText {
  /** The place in the data: keys and indexes from the root. */
  readonly path: readonly (string | number)[];
  /** The value there; undefined if the file has none. */
  readonly value: unknown;
  /** The key, if the problem is a key of the map rather than its value. */
  readonly key?: string;
}

/**
 * Checks a value of the file against a rule: one problem, or an empty list. An undefined value
 * keeps every rule.
 */
export function ruleProblems<Value>(
  path: DeploymentProblem['path'],
  rule: Rule<Value>,
  value: Value | undefined,
): DeploymentProblem[];
export function ruleProblems<Value, Context>(
  path: DeploymentProblem['path'],
  rule: Rule<Value, Context>,
  value: Value | undefined,
  context: Context,
): DeploymentProblem[];
export function ruleProblems<Value, Context>(
  path: DeploymentProblem['path'],
  rule: Rule<Value, Context>,
  value: Value | undefined,
  context?: Context,
): DeploymentProblem[] {
  const broken = value === undefined ? undefined : brokenRule(rule, value, context as Context);
  return broken ? [{ path, value, ...broken }] : [];
}

/** Formats a path: `edge.behaviors[3].tier`. */
export function formatPath(path: readonly (string | number)[]): string {
  return (
    path
      .map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`))
      .join('') || '(the whole file)'
  );
}

/** The candidate that the user probably meant: at most a third of its letters differ. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({
      candidate,
      distance: editDistance(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3))
    ? best.candidate
    : undefined;
}

/** The Levenshtein distance: insertions, deletions and substitutions between two words. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
