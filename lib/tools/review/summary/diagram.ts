/**
 * The deployment as a Mermaid diagram, drawn from the assembly alone: what a diagram in the
 * documentation shows is what would be deployed, and `npm run check` fails where the committed one
 * is older.
 */
import type { Assembly, AssemblyStack, TemplateResource } from '../../assembly';

interface Placed {
  readonly stack: AssemblyStack;
  readonly region: string;
  readonly logicalId: string;
  readonly resource: TemplateResource;
}

/**
 * Mermaid source: CloudFront, and in each region the load balancer, the fleet, the poolers, the
 * cache and the databases with what they follow.
 */
export function deploymentDiagram(assembly: Assembly): string {
  const all = assembly.stacks.flatMap((stack) =>
    Object.entries(stack.template.Resources).map(
      ([logicalId, resource]): Placed => ({
        stack,
        region: stack.region ?? 'any-region',
        logicalId,
        resource,
      }),
    ),
  );
  const ofType = (type: string) => all.filter(({ resource }) => resource.Type === type);
  const regions = [...new Set(ofType('AWS::EC2::VPC').map(({ region }) => region))].sort();
  const lines = [
    'flowchart LR',
    '  viewers((viewers))',
    ...ofType('AWS::CloudFront::Distribution').flatMap((distribution) =>
      edgeLines(distribution, ofType('AWS::WAFv2::WebACL')),
    ),
    ...regions.flatMap((region) =>
      regionLines(region, (type) => ofType(type).filter((placed) => placed.region === region)),
    ),
    ...ofType('AWS::CloudFront::Distribution').flatMap((distribution) =>
      originLines(distribution, ofType('AWS::Route53::RecordSet')),
    ),
    ...replicationLines(ofType('AWS::RDS::DBInstance')),
  ];
  return lines.join('\n');
}

function edgeLines({ resource }: Placed, webAcls: readonly Placed[]): string[] {
  const config = property(resource, 'DistributionConfig') as
    | { CacheBehaviors?: unknown[] }
    | undefined;
  const behaviors = (config?.CacheBehaviors?.length ?? 0) + 1;
  const cdn = `  cdn["CloudFront<br/>${behaviors} behaviours"]`;
  return webAcls.length > 0
    ? ['  waf["Web ACL"]', cdn, '  viewers --> waf --> cdn']
    : [cdn, '  viewers --> cdn'];
}

function regionLines(region: string, ofType: (type: string) => readonly Placed[]): string[] {
  const balancers = ofType('AWS::ElasticLoadBalancingV2::LoadBalancer').filter(
    ({ resource }) => property(resource, 'Type') !== 'network',
  );
  const groups = ofType('AWS::AutoScaling::AutoScalingGroup');
  const poolers = groups.filter((group) =>
    isBehindTcp(group, ofType('AWS::ElasticLoadBalancingV2::TargetGroup')),
  );
  const fleets = groups.filter((group) => !poolers.includes(group));
  const caches = ofType('AWS::ElastiCache::ReplicationGroup');
  const instances = ofType('AWS::RDS::DBInstance');
  const links = balancers.flatMap((balancer) =>
    fleets.map((fleet) => `    ${nodeId(balancer)} --> ${nodeId(fleet)}`),
  );
  const uses = fleets.flatMap((fleet) =>
    [...poolers, ...caches, ...instances].map((used) => `    ${nodeId(fleet)} --> ${nodeId(used)}`),
  );
  const pools = poolers.flatMap((pooler) =>
    instances.map((instance) => `    ${nodeId(pooler)} --> ${nodeId(instance)}`),
  );
  return [
    `  subgraph ${region.replace(/-/g, '_')}["${region}"]`,
    ...balancers.map((placed) => `    ${nodeId(placed)}["load balancer"]`),
    ...fleets.map(
      (placed) =>
        `    ${nodeId(placed)}["fleet<br/>${text(placed, 'MinSize')} to ${text(placed, 'MaxSize')} instances"]`,
    ),
    ...poolers.map(
      (placed) => `    ${nodeId(placed)}["PgBouncer<br/>${text(placed, 'MinSize')} instances"]`,
    ),
    ...caches.map((placed) => {
      // A secondary of a Global Datastore: its size is in no template.
      if (property(placed.resource, 'GlobalReplicationGroupId') !== undefined)
        return `    ${nodeId(placed)}[("Valkey<br/>follows another region")]`;
      const shards = Number(property(placed.resource, 'NumNodeGroups') ?? 1);
      const nodes = shards * (1 + Number(property(placed.resource, 'ReplicasPerNodeGroup') ?? 0));
      return `    ${nodeId(placed)}[("Valkey<br/>${shards} shards, ${nodes} nodes")]`;
    }),
    ...instances.map((placed) => `    ${nodeId(placed)}[("${instanceLabel(placed)}")]`),
    ...links,
    ...uses,
    ...pools,
    '  end',
  ];
}

/** Whether a group answers for a target group of a protocol below HTTP, as poolers do. */
function isBehindTcp(group: Placed, targetGroups: readonly Placed[]): boolean {
  const reference = JSON.stringify(property(group.resource, 'TargetGroupARNs') ?? []);
  return targetGroups.some(
    ({ stack, logicalId, resource }) =>
      stack === group.stack &&
      property(resource, 'Protocol') === 'TCP' &&
      reference.includes(`"Ref":"${logicalId}"`),
  );
}

function instanceLabel({ resource, region, logicalId }: Placed): string {
  const identifier = String(property(resource, 'DBInstanceIdentifier') ?? logicalId);
  const [, ownName] = identifier.split(`${region}-`);
  const role =
    property(resource, 'SourceDBInstanceIdentifier') === undefined
      ? 'primary'
      : (ownName ?? 'replica');
  return `PostgreSQL<br/>${role}`;
}

/** From CloudFront to each region that answers under the name of one of its origins. */
function originLines({ resource }: Placed, records: readonly Placed[]): string[] {
  const config = property(resource, 'DistributionConfig') as
    | { Origins?: { DomainName?: unknown }[] }
    | undefined;
  const origins = [...new Set((config?.Origins ?? []).map(({ DomainName }) => String(DomainName)))];
  return origins.flatMap((origin) => {
    const answering = records.filter(
      (record) => String(property(record.resource, 'Name')).replace(/\.$/, '') === origin,
    );
    const regions = [...new Set(answering.map(({ region }) => region))].sort();
    return regions.map(
      (region) => `  cdn -- "${origin.split('.')[0]}" --> ${region.replace(/-/g, '_')}`,
    );
  });
}

/**
 * From each database to those that follow it: by reference in one region, by ARN across regions.
 */
function replicationLines(instances: readonly Placed[]): string[] {
  return instances.flatMap((replica) => {
    const source = property(replica.resource, 'SourceDBInstanceIdentifier');
    if (source === undefined) return [];
    const reference = JSON.stringify(source);
    const followed = instances.find((other) => {
      const identifier = property(other.resource, 'DBInstanceIdentifier');
      if (other.stack === replica.stack && reference.includes(`"Ref":"${other.logicalId}"`))
        return true;
      return typeof identifier === 'string' && new RegExp(`[:"]${identifier}"`).test(reference);
    });
    return followed ? [`  ${nodeId(followed)} -. replicates .-> ${nodeId(replica)}`] : [];
  });
}

function property(resource: TemplateResource, name: string): unknown {
  return resource.Properties?.[name];
}

function text({ resource }: Placed, name: string): string {
  return String(property(resource, name) ?? '?');
}

/** Unique within the diagram, and without characters that Mermaid reads as syntax. */
function nodeId({ region, logicalId }: Placed): string {
  return `${region.replace(/-/g, '_')}_${logicalId}`;
}
