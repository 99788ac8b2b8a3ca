/** Changes to the market deployment, as the review reports them. */

import type { Deployment } from '../../../../lib/model/config/deployment';
import type { AssemblyStack, TemplateResource } from '../../../../lib/tools/assembly/assembly';
import { reviewChange } from '../../../../lib/tools/review/report/review';
import { marketAssembly, marketDeployment, synthesizeMarket } from '../../../market-stage';

const REGIONS = ['us-east-1', 'ap-southeast-1'];

function changed(change: (deployment: Deployment) => void): Deployment {
  const deployment = marketDeployment();
  change(deployment);
  return deployment;
}

// The CDK command line sets this too: each resource then has its path in the construct tree.
process.env.CDK_CONTEXT_JSON = JSON.stringify({ 'aws:cdk:enable-path-metadata': true });

const base = marketAssembly(marketDeployment(), REGIONS);

/** The assembly after an edit of some resources of one stack. */
function edited(stackPath: string, edit: (resource: TemplateResource) => TemplateResource) {
  const stacks = base.stacks.map((stack): AssemblyStack => {
    if (stack.path !== stackPath) return stack;
    const resources = Object.entries(stack.template.Resources).map(
      ([id, resource]) => [id, edit(resource)] as const,
    );
    return { ...stack, template: { ...stack.template, Resources: Object.fromEntries(resources) } };
  });
  return { directory: 'head', stacks };
}

const withProperties =
  (type: string, properties: Record<string, unknown>) => (resource: TemplateResource) =>
    resource.Type === type
      ? { ...resource, Properties: { ...resource.Properties, ...properties } }
      : resource;

test('a deployment that is synthesized again has no changes', () => {
  const { assembly: again } = synthesizeMarket(marketDeployment(), REGIONS);
  expect(reviewChange(base, again)).toMatchObject({
    stacks: [],
    losses: [],
    findings: [],
    needsDecision: false,
  });
});

test('larger instances and another TTL at the edge need no decision', () => {
  const head = changed(({ database, edge }) => {
    database.instanceClass = 'db.r6g.xlarge';
    const { apac } = edge.tiers.static?.continents ?? {};
    if (apac) apac.defaultTtlSeconds = 9000;
  });
  const review = reviewChange(base, marketAssembly(head, REGIONS));
  const actions = review.stacks.flatMap(({ path, resources }) =>
    resources.map(({ action, type, differences }) => {
      const stack = path.split('/').slice(1).join('/');
      return `${stack} ${action} ${type} ${differences.map(({ name }) => name)}`;
    }),
  );
  expect([...new Set(actions)].sort()).toEqual([
    'ap-southeast-1/Database update AWS::RDS::DBInstance DBInstanceClass',
    'us-east-1/Database update AWS::RDS::DBInstance DBInstanceClass',
    'us-east-1/Edge code AWS::Lambda::Function ',
  ]);
  expect(review).toMatchObject({ losses: [], findings: [], needsDecision: false });
});

test('a removed region lists its databases as losses until the region is acknowledged', () => {
  const head = marketAssembly(
    changed(({ regions }) => {
      delete regions['ap-southeast-1'];
    }),
    ['us-east-1'],
  );
  const review = reviewChange(base, head);
  expect(
    review.stacks.filter(({ action }) => action === 'remove').map(({ region }) => region),
  ).toEqual(Array(8).fill('ap-southeast-1'));
  expect(review.losses.map(({ path }) => path)).toContain(
    'market-production/ap-southeast-1/Database/Replicas/Hub',
  );
  expect(review.losses.every(({ data }) => data === 'kept')).toBe(true);
  expect(review.needsDecision).toBe(true);
  const acknowledged = [{ path: 'market-production/ap-southeast-1', reason: 'we leave Asia' }];
  expect(reviewChange(base, head, acknowledged).needsDecision).toBe(false);
});

test('an added region loses nothing', () => {
  const small = marketAssembly(marketDeployment(), ['us-east-1']);
  expect(reviewChange(small, base)).toMatchObject({ losses: [], needsDecision: false });
});

test.each([
  ['DBSubnetGroupName', 'other', 'replaced'],
  ['DBInstanceIdentifier', 'other', 'replaced'],
  ['Engine', 'mysql', 'may-be-replaced'],
])('another %s replaces the databases', (name, value, kind) => {
  const head = edited(
    'market-production/us-east-1/Database',
    withProperties('AWS::RDS::DBInstance', { [name]: value }),
  );
  const primary = reviewChange(base, head).losses.find(
    ({ path }) => path === 'market-production/us-east-1/Database/Primary/Instance',
  );
  expect(primary).toMatchObject({ kind, data: 'kept', replacedBy: [name] });
  const acknowledgement = {
    path: 'market-production/us-east-1/Database/Primary',
    reason: 'planned',
  };
  const accepted = reviewChange(base, head, [acknowledgement]).losses.filter(
    ({ acknowledged }) => acknowledged !== undefined,
  );
  expect(accepted.map(({ path }) => path)).toEqual([primary?.path]);
});

test('a fleet that is open to everyone is a finding of high severity', () => {
  const rule = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, CidrIp: '0.0.0.0/0' };
  const head = edited(
    'market-production/us-east-1/Service',
    withProperties('AWS::EC2::SecurityGroup', { SecurityGroupIngress: [rule] }),
  );
  const { findings } = reviewChange(base, head);
  expect(
    findings
      .filter(({ severity }) => severity === 'high')
      .map(({ topic, message }) => `${topic}: ${message}`),
  ).toContain('network: opened from everywhere (0.0.0.0/0) on tcp 22');
});
