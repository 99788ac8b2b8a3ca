import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledge, allowSessions } from '../../house-rules';
import type { ConnectionPoolerProps } from './props';

/**
 * What the poolers may do in AWS: read their secrets, write their log, say that they serve, and be
 * logged in to.
 */
export function poolerRole(
  scope: Construct,
  props: ConnectionPoolerProps,
  logGroup: logs.ILogGroup,
): iam.Role {
  const role = new iam.Role(scope, 'Role', {
    description: `The poolers of ${scope.node.path}.`,
    assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
  });
  acknowledge(
    role,
    'What is granted to the poolers stands in the default policy of their role, one policy per role as CDK writes it. It serves this role only, and goes with it.',
    'NIST.800.53.R5-IAMNoInlinePolicy',
    'PCI.DSS.321-IAMNoInlinePolicy',
  );
  props.users.grantRead(role);
  props.certificate?.grantRead(role);
  logGroup.grantWrite(role);
  role.addToPolicy(
    new iam.PolicyStatement({
      actions: ['cloudformation:SignalResource'],
      resources: [Stack.of(scope).stackId],
    }),
  );
  allowSessions(scope, role);
  return role;
}
