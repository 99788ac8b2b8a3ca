/**
 * Checks over the scaling of caches: what ElastiCache scales, within bounds that hold each other.
 */
import { ELASTICACHE, scalesAutomatically, tiersData } from '../../aws';
import type { Deployment, DeploymentCacheScaling } from '../deployment';
import type { DeploymentProblem } from '../problem';

export function cacheScalingProblems(deployment: Deployment): DeploymentProblem[] {
  const { cache, objectives } = deployment;
  const { scaling, nodeType, shards, replicasPerShard } = cache;
  if (scaling === undefined) return [];
  const { maxShards } = scaling;
  const minShards = scaling.minShards ?? shards;
  const problems: DeploymentProblem[] = [];
  if (!scalesAutomatically(nodeType) && !tiersData(nodeType)) {
    const { families, sizes } = ELASTICACHE.autoScaling;
    problems.push({
      path: ['cache', 'nodeType'],
      value: nodeType,
      allowed: `one of the families ${families.join(', ')}, in the sizes ${sizes.join(', ')}, with \`scaling\``,
      rule: 'ElastiCache scales no other nodes.',
      fix: 'Take a type like `cache.r7g.large`, or leave `scaling` out.',
    });
  }
  if (minShards > maxShards) {
    problems.push({
      path: ['cache', 'scaling', 'maxShards'],
      value: maxShards,
      allowed: `at least the smallest number of shards, ${minShards}`,
      rule: 'A cache cannot have more shards at least than at most.',
      fix: 'Raise it, or lower `minShards`.',
    });
  } else if (shards < minShards || shards > maxShards) {
    problems.push({
      path: ['cache', 'shards'],
      value: shards,
      allowed: `${minShards} to ${maxShards}, the bounds of its scaling`,
      rule: 'The caches are created with it; from then on, scaling has it.',
      fix: 'Leave it as it was when the caches were created, and change `scaling.minShards` and `scaling.maxShards`.',
    });
  }
  const { maxReplicasPerShard = replicasPerShard } = scaling;
  if (
    scaling.maxReplicasPerShard !== undefined &&
    (replicasPerShard < 1 || maxReplicasPerShard < replicasPerShard)
  ) {
    problems.push({
      path: ['cache', 'replicasPerShard'],
      value: replicasPerShard,
      allowed: `1 to ${maxReplicasPerShard}, what its scaling goes up to`,
      rule: 'Replicas are scaled by the load of replicas, from those on that the caches begin with.',
      fix: 'Raise it, or leave `scaling.maxReplicasPerShard` out.',
    });
  }
  if (objectives.cpuPercent <= scaling.targetCpuPercent) {
    problems.push({
      path: ['objectives', 'cpuPercent'],
      value: objectives.cpuPercent,
      allowed: `above the ${scaling.targetCpuPercent} % that the caches are kept at`,
      rule: 'Scaling holds the caches at `cache.scaling.targetCpuPercent`: an alarm at or below it would always ring.',
      fix: 'Raise it, or lower `cache.scaling.targetCpuPercent`.',
    });
  }
  return [...problems, ...scheduleProblems(deployment, scaling)];
}

function scheduleProblems(
  { regions }: Deployment,
  { schedules, maxShards }: DeploymentCacheScaling,
): DeploymentProblem[] {
  return schedules.flatMap((schedule, i) => {
    const path = ['cache', 'scaling', 'schedules', i];
    const most = schedule.maxShards ?? maxShards;
    const problems: DeploymentProblem[] = [];
    if (schedules.findIndex(({ name }) => name === schedule.name) !== i) {
      problems.push({
        path: [...path, 'name'],
        value: schedule.name,
        allowed: 'a name of its own',
        rule: 'A schedule is addressed by its name.',
        fix: 'Give another name.',
      });
    }
    if (!isTimeZone(schedule.timeZone)) {
      problems.push({
        path: [...path, 'timeZone'],
        value: schedule.timeZone,
        allowed: 'a zone by its IANA name',
        rule: 'Application Auto Scaling knows no other names.',
        fix: 'Write it like `America/New_York`.',
      });
    }
    if (most > maxShards) {
      problems.push({
        path: [...path, 'maxShards'],
        value: most,
        allowed: `at most ${maxShards}, the most that the caches scale to`,
        rule: 'Quotas, alarms and costs are reckoned with that number.',
        fix: 'Lower it, or raise `scaling.maxShards`.',
      });
    }
    if (schedule.minShards > most) {
      problems.push({
        path: [...path, 'minShards'],
        value: schedule.minShards,
        allowed: `at most ${most}, the shards at most from then on`,
        rule: 'A cache cannot have more shards at least than at most.',
        fix: 'Lower it, or raise `maxShards`.',
      });
    }
    const unknown = schedule.regions?.findIndex((region) => regions[region] === undefined) ?? -1;
    if (unknown >= 0) {
      problems.push({
        path: [...path, 'regions', unknown],
        value: schedule.regions?.[unknown],
        allowed: `one of the regions of this file: ${Object.keys(regions).join(', ')}`,
        rule: 'A schedule holds for caches of this deployment.',
        fix: 'Name another region, or add this one under `regions`.',
      });
    }
    return problems;
  });
}

function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return true;
  } catch {
    return false;
  }
}
