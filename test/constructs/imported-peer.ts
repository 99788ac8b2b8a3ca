/** The other end of a connection to a construct under test. */
import type { Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';

/** The connections of an imported security group; without a port, those of a client. */
export function importedPeer(stack: Stack, groupId: string, defaultPort?: ec2.Port) {
  return new ec2.Connections({
    securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(stack, groupId, groupId)],
    defaultPort,
  });
}
