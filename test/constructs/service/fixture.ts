/** Imported resources for a fleet: a VPC, a certificate and two versions of the secret header. */
import { SecretValue, type Stack } from 'aws-cdk-lib';
import * as acm from 'aws-cdk-lib/aws-certificatemanager';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { OriginLoadBalancerProps } from '../../../lib/constructs/service/origin-load-balancer';

const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:origin-verify-AbCdEf';

export const CURRENT = `{{resolve:secretsmanager:${SECRET}:SecretString:current::}}`;
export const PREVIOUS = `{{resolve:secretsmanager:${SECRET}:SecretString:previous::}}`;

export const currentSecret = () => SecretValue.secretsManager(SECRET, { jsonField: 'current' });
export const previousSecret = () => SecretValue.secretsManager(SECRET, { jsonField: 'previous' });

export function requiredProps(stack: Stack): OriginLoadBalancerProps {
  const zones = ['a', 'b'];
  return {
    vpc: ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
      vpcId: 'vpc-0123456789abcdef0',
      availabilityZones: zones.map((zone) => `us-east-1${zone}`),
      publicSubnetIds: zones.map((zone) => `subnet-9ab11c0${zone}`),
      publicSubnetRouteTableIds: zones.map((zone) => `rtb-9ab11c0${zone}`),
      privateSubnetIds: zones.map((zone) => `subnet-981fa7e${zone}`),
      privateSubnetRouteTableIds: zones.map((zone) => `rtb-981fa7e${zone}`),
    }),
    certificate: acm.Certificate.fromCertificateArn(
      stack,
      'Certificate',
      'arn:aws:acm:us-east-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef',
    ),
    originVerification: { headerName: 'X-Origin-Verify', secret: currentSecret() },
  };
}
