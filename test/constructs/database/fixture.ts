/** The network and the instances that the tests of the database constructs share. */
import type { Stack } from 'aws-cdk-lib';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as rds from 'aws-cdk-lib/aws-rds';

/** An imported VPC with an isolated subnet in each of two or three zones. */
export function databaseVpc(stack: Stack, zones: 2 | 3 = 3): ec2.IVpc {
  const each = (prefix: string) =>
    Array.from({ length: zones }, (_, index) => `${prefix}-0123456789abcdef${index}`);
  return ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: 'vpc-0123456789abcdef0',
    availabilityZones: ['a', 'b', 'c'].slice(0, zones).map((letter) => `${stack.region}${letter}`),
    isolatedSubnetIds: each('subnet'),
    isolatedSubnetRouteTableIds: each('rtb'),
  });
}

/** An imported instance, with the resource id that `grantConnect` needs. */
export function importedInstance(
  stack: Stack,
  instanceIdentifier = 'market-primary',
): rds.IDatabaseInstance {
  return rds.DatabaseInstance.fromDatabaseInstanceAttributes(stack, 'Instance', {
    instanceIdentifier,
    instanceEndpointAddress: `${instanceIdentifier}.example.com`,
    instanceResourceId: 'db-ABCDEFGHIJKL',
    port: 5432,
    securityGroups: [],
    engine: rds.DatabaseInstanceEngine.POSTGRES,
  });
}

/** The connections of an instance that has a closed security group. */
export function closedAccess(stack: Stack, vpc: ec2.IVpc): ec2.Connections {
  return new ec2.Connections({
    securityGroups: [
      new ec2.SecurityGroup(stack, 'Group', {
        vpc,
        description: 'PostgreSQL',
        allowAllOutbound: false,
      }),
    ],
    defaultPort: ec2.Port.tcp(5432),
  });
}

/** Name and statistic of each metric. */
export function namesAndStatistics(metrics: readonly Metric[]): [string, string][] {
  return metrics.map(({ metricName, statistic }) => [metricName, statistic]);
}
