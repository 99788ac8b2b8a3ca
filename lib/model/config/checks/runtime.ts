/** Checks over the settings that applications read: complete, distinct and small enough. */

import { STANDARD_STRATEGIES } from '../../contracts';
import type { Rule } from '../../rules';
import type { Deployment } from '../deployment';
import { type DeploymentProblem, nearest, ruleProblems } from '../problem';

/**
 * "Parameter tiers", AWS Systems Manager user guide: a standard parameter holds 4 KB. Endpoints and
 * names need less than half of it at their longest.
 */
const STRATEGY_BYTES = 2048;

const CHECKS = [ttlProblems, prefixProblems, sizeProblems, secretProblems];

export function runtimeProblems(deployment: Deployment): DeploymentProblem[] {
  return CHECKS.flatMap((check) => check(deployment));
}

function ttlProblems({ cache: { strategies } }: Deployment): DeploymentProblem[] {
  return Object.entries(strategies)
    .filter(
      ([name, { ttlSeconds }]) =>
        ttlSeconds === undefined && !(STANDARD_STRATEGIES as readonly string[]).includes(name),
    )
    .map(([name]) => {
      const meant = nearest(name, STANDARD_STRATEGIES);
      return {
        path: ['cache', 'strategies', name, 'ttlSeconds'],
        value: undefined,
        allowed: `given, because ${name} is not one of ${STANDARD_STRATEGIES.join(', ')}`,
        rule: 'Only these strategies have a default time to live.',
        fix: meant
          ? `Did you mean "${meant}"? Otherwise, add \`ttlSeconds\`.`
          : 'Add `ttlSeconds`.',
      };
    });
}

function prefixProblems({ cache: { strategies } }: Deployment): DeploymentProblem[] {
  const names = [...new Set([...STANDARD_STRATEGIES, ...Object.keys(strategies)])];
  const prefixes = names.map((name) => ({ name, prefix: strategies[name]?.prefix ?? `${name}:` }));
  return prefixes.flatMap(({ name, prefix }, i): DeploymentProblem[] => {
    const other = prefixes.slice(0, i).find((earlier) => earlier.prefix === prefix);
    if (other === undefined) return [];
    // The problem is reported at the strategy whose prefix the file sets.
    const blamed =
      strategies[name]?.prefix === undefined && strategies[other.name]?.prefix !== undefined
        ? other.name
        : name;
    return [
      {
        path: ['cache', 'strategies', blamed, 'prefix'],
        value: prefix,
        allowed: `other than the prefix of ${blamed === name ? other.name : name}`,
        rule: 'Two strategies with one prefix read each other’s values.',
        fix: `Remove it for "${blamed}:", or choose another.`,
      },
    ];
  });
}

const strategyBytes: Rule<number> = {
  allows: (bytes) => bytes <= STRATEGY_BYTES,
  allowed: `at most ${STRATEGY_BYTES} bytes`,
  rule: 'The settings of a region are one parameter of Systems Manager, which holds 4 KB.',
  fix: 'Remove values that equal the defaults, and keep values that no deployment changes in code.',
};

function sizeProblems({ cache: { strategies } }: Deployment): DeploymentProblem[] {
  const bytes = Buffer.byteLength(JSON.stringify(strategies));
  const problems = ruleProblems(['cache', 'strategies'], strategyBytes, bytes);
  return problems.map((problem) => ({ ...problem, value: `${bytes} bytes as JSON` }));
}

const poolerSecretUse: Rule<string, { readonly poolers: number }> = {
  allows: (_, { poolers }) => poolers > 0,
  allowed: 'absent without poolers in any region',
  rule: 'The secret is the log-in of poolers. PostgreSQL itself is logged in to by IAM.',
  fix: 'Remove it, or give a region `poolers`.',
};

function secretProblems({ database: { poolerSecret }, regions }: Deployment): DeploymentProblem[] {
  const poolers = Object.values(regions).reduce((sum, region) => sum + (region?.poolers ?? 0), 0);
  return ruleProblems(['database', 'poolerSecret'], poolerSecretUse, poolerSecret, { poolers });
}
