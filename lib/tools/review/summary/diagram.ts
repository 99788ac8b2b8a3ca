/**
 * The deployment as a Mermaid diagram, drawn from the assembly alone. The documentation therefore
 * shows what would be deployed, and `npm run check` fails if the committed diagram is out of date.
 */
import { visible } from '../../../model/visible';
import type { Assembly, AssemblyStack, TemplateResource } from '../../assembly';
import { text } from '../template-values';

interface Located {
  readonly stack: AssemblyStack;
  readonly region: string;
  readonly logicalId: string;
  readonly resource: TemplateResource;
}

/**
 * The source of the diagram: CloudFront, and in each region the load balancer, the fleet, the
 * poolers, the cache and the databases with their replication sources.
 */
export function deploymentDiagram(assembly: Assembly): string {
  const all = assembly.stacks.flatMap((stack) =>
    Object.entries(stack.template.Resources).map(
      ([logicalId, resource]): Located => ({
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
      regionLines(region, (type) => ofType(type).filter((located) => located.region === region)),
    ),
    ...ofType('AWS::CloudFront::Distribution').flatMap((distribution) =>
      originLines(distribution, ofType('AWS::Route53::RecordSet')),
    ),
    ...replicationLines(ofType('AWS::RDS::DBInstance')),
  ];
  return lines.join('\n');
}

function edgeLines({ resource }: Located, webAcls: readonly Located[]): string[] {
  const config = property(resource, 'DistributionConfig') as
    | { CacheBehaviors?: unknown[] }
    | undefined;
  const behaviors = (config?.CacheBehaviors?.length ?? 0) + 1;
  const cdn = `  cdn["CloudFront<br/>${behaviors} behaviors"]`;
  return webAcls.length > 0
    ? ['  waf["Web ACL"]', cdn, '  viewers --> waf --> cdn']
    : [cdn, '  viewers --> cdn'];
}

function regionLines(region: string, ofType: (type: string) => readonly Located[]): string[] {
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
    `  subgraph ${regionId(region)}["${label(region)}"]`,
    ...balancers.map((located) => `    ${nodeId(located)}["load balancer"]`),
    ...fleets.map((located) => `    ${nodeId(located)}["fleet<br/>${sizeOf(located)} instances"]`),
    ...poolers.map(
      (located) =>
        `    ${nodeId(located)}["PgBouncer<br/>${shownProperty(located, 'MinSize')} instances"]`,
    ),
    ...caches.map((located) => {
      // The size of a Global Datastore secondary is in no template.
      if (property(located.resource, 'GlobalReplicationGroupId') !== undefined)
        return `    ${nodeId(located)}[("Valkey<br/>follows another region")]`;
      const shards = Number(property(located.resource, 'NumNodeGroups') ?? 1);
      const nodes = shards * (1 + Number(property(located.resource, 'ReplicasPerNodeGroup') ?? 0));
      return `    ${nodeId(located)}[("Valkey<br/>${shards} shards, ${nodes} nodes")]`;
    }),
    ...instances.map((located) => `    ${nodeId(located)}[("${instanceLabel(located)}")]`),
    ...links,
    ...uses,
    ...pools,
    '  end',
  ];
}

/** Whether an Auto Scaling group is the target of a TCP target group, as poolers are. */
function isBehindTcp(group: Located, targetGroups: readonly Located[]): boolean {
  const reference = JSON.stringify(property(group.resource, 'TargetGroupARNs') ?? []);
  return targetGroups.some(
    ({ stack, logicalId, resource }) =>
      stack === group.stack &&
      property(resource, 'Protocol') === 'TCP' &&
      reference.includes(`"Ref":"${logicalId}"`),
  );
}

function instanceLabel({ resource, region, logicalId }: Located): string {
  const identifier = String(property(resource, 'DBInstanceIdentifier') ?? logicalId);
  const [, ownName] = identifier.split(`${region}-`);
  const role =
    property(resource, 'SourceDBInstanceIdentifier') === undefined
      ? 'primary'
      : (ownName ?? 'replica');
  return `PostgreSQL<br/>${label(role)}`;
}

/** The links from CloudFront to each region that has a record for the domain name of an origin. */
function originLines({ resource }: Located, records: readonly Located[]): string[] {
  const config = property(resource, 'DistributionConfig') as
    | { Origins?: { DomainName?: unknown }[] }
    | undefined;
  const origins = [...new Set((config?.Origins ?? []).map(({ DomainName }) => String(DomainName)))];
  return origins.flatMap((origin) => {
    const answeringRecords = records.filter(
      (record) => String(property(record.resource, 'Name')).replace(/\.$/, '') === origin,
    );
    const regions = [...new Set(answeringRecords.map(({ region }) => region))].sort();
    return regions.map(
      (region) => `  cdn -- "${label(origin.split('.')[0] ?? origin)}" --> ${regionId(region)}`,
    );
  });
}

/**
 * The links from each database to its replicas: by reference within a region, by ARN across
 * regions.
 */
function replicationLines(instances: readonly Located[]): string[] {
  return instances.flatMap((replica) => {
    const source = property(replica.resource, 'SourceDBInstanceIdentifier');
    if (source === undefined) return [];
    const reference = JSON.stringify(source);
    const sourceInstance = instances.find((other) => {
      const identifier = property(other.resource, 'DBInstanceIdentifier');
      if (other.stack === replica.stack && reference.includes(`"Ref":"${other.logicalId}"`))
        return true;
      return (
        typeof identifier === 'string' &&
        [':', '"'].some((before) => reference.includes(`${before}${identifier}"`))
      );
    });
    return sourceInstance
      ? [`  ${nodeId(sourceInstance)} -. replicates .-> ${nodeId(replica)}`]
      : [];
  });
}

function property(resource: TemplateResource, name: string): unknown {
  return resource.Properties?.[name];
}

/** The least and the most instances of an Auto Scaling group. */
function sizeOf(group: Located): string {
  return `${shownProperty(group, 'MinSize')} to ${shownProperty(group, 'MaxSize')}`;
}

/** A property as text, or `?` if the resource does not set it. */
function shownProperty({ resource }: Located, name: string): string {
  return label(text(property(resource, name) ?? '?'));
}

/** A region as an identifier of Mermaid. */
function regionId(region: string): string {
  return region.replace(/\W/g, '_');
}

/** A value in a label. Mermaid has entities without `&`, and draws HTML. */
function label(value: string): string {
  return visible(value).replace(/[#"&<>`]/g, (char) => `#${char.charCodeAt(0)};`);
}

/** A node id that is unique within the diagram and free of Mermaid syntax. */
function nodeId({ region, logicalId }: Located): string {
  return `${regionId(region)}_${logicalId.replace(/\W/g, '_')}`;
}
