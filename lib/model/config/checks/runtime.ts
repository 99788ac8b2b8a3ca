/**
 * Checks over what applications find in the settings of their region: strategies that are whole,
 * apart from each other, and not too many.
 */
import { STANDARD_STRATEGIES } from '../../contracts';
import type { Deployment } from '../deployment';
import { type DeploymentProblem, nearest } from '../problem';

/**
 * "Parameter tiers", AWS Systems Manager user guide: a standard parameter holds 4 KB. Of that,
 * endpoints and names take less than half at their longest.
 */
const STRATEGY_BYTES = 2048;

export function runtimeProblems(deployment: Deployment): DeploymentProblem[] {
  return [
    ...ttlProblems(deployment),
    ...prefixProblems(deployment),
    ...sizeProblems(deployment),
    ...secretProblems(deployment),
  ];
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
        allowed: `given, because ${name} is none of ${STANDARD_STRATEGIES.join(', ')}`,
        rule: 'Only those have a time to live of their own.',
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
    // The one of the two that the file gives a prefix is the one to change.
    const blamed =
      strategies[name]?.prefix === undefined && strategies[other.name]?.prefix !== undefined
        ? other.name
        : name;
    return [
      {
        path: ['cache', 'strategies', blamed, 'prefix'],
        value: prefix,
        allowed: `another than that of ${blamed === name ? other.name : name}`,
        rule: 'Two strategies with one prefix read each other’s values.',
        fix: `Leave it out for "${blamed}:", or choose another.`,
      },
    ];
  });
}

function sizeProblems({ cache: { strategies } }: Deployment): DeploymentProblem[] {
  const bytes = Buffer.byteLength(JSON.stringify(strategies));
  if (bytes <= STRATEGY_BYTES) return [];
  return [
    {
      path: ['cache', 'strategies'],
      value: `${bytes} bytes as JSON`,
      allowed: `at most ${STRATEGY_BYTES} bytes`,
      rule: 'The settings of a region are one parameter of Systems Manager, which holds 4 KB.',
      fix: 'Leave out what is as the library has it, and keep in code what no deployment changes.',
    },
  ];
}

function secretProblems({ database: { poolerSecret }, regions }: Deployment): DeploymentProblem[] {
  if (
    poolerSecret === undefined ||
    Object.values(regions).some((region) => (region?.poolers ?? 0) > 0)
  )
    return [];
  return [
    {
      path: ['database', 'poolerSecret'],
      value: poolerSecret,
      allowed: 'absent where no region has poolers',
      rule: 'It is the log-in for poolers; PostgreSQL itself is logged in to by IAM.',
      fix: 'Remove it, or give a region `poolers`.',
    },
  ];
}
