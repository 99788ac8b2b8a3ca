/** EC2 instances of a fleet: no SSH, version 2 of the metadata service, encrypted disks. */
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge';

/** Props of `fleetTemplate`. */
export interface FleetTemplateProps {
  readonly machineImage: ec2.IMachineImage;
  readonly instanceType: ec2.InstanceType;
  readonly role: iam.IRole;
  readonly securityGroup: ec2.ISecurityGroup;
  readonly userData: ec2.UserData;
  /** The size of the only disk, in GiB. */
  readonly diskGiB: number;
}

/** The launch template of a fleet. */
export function fleetTemplate(
  scope: Construct,
  id: string,
  props: FleetTemplateProps,
): ec2.LaunchTemplate {
  const { diskGiB, ...settings } = props;
  return new ec2.LaunchTemplate(scope, id, {
    ...settings,
    requireImdsv2: true,
    // Clients of the metadata service run on the host, not in a container one hop further.
    httpPutResponseHopLimit: 1,
    detailedMonitoring: true,
    blockDevices: [
      {
        deviceName: '/dev/xvda',
        volume: ec2.BlockDeviceVolume.ebs(diskGiB, {
          encrypted: true,
          volumeType: ec2.EbsDeviceVolumeType.GP3,
          deleteOnTermination: true,
        }),
      },
    ],
  });
}

/**
 * Grants the agent of Session Manager, which replaces SSH, its permissions. AWS's managed policy
 * for the agent would also let the instance read every parameter of the account.
 */
export function allowSessions(scope: Construct, role: iam.IRole): void {
  const policy = new iam.ManagedPolicy(scope, 'Sessions', {
    description: 'Session Manager: logging in without SSH.',
    roles: [role],
    statements: [
      new iam.PolicyStatement({
        actions: [
          'ssm:UpdateInstanceInformation',
          'ssmmessages:CreateControlChannel',
          'ssmmessages:CreateDataChannel',
          'ssmmessages:OpenControlChannel',
          'ssmmessages:OpenDataChannel',
        ],
        resources: ['*'],
      }),
    ],
  });
  acknowledge(
    policy,
    'The ssmmessages actions take no resources. ssm:UpdateInstanceInformation takes an ' +
      'instance, but the instances of an Auto Scaling group do not exist yet when the ' +
      'policy is written.',
    'AwsSolutions-IAM5[Resource::*]',
  );
}
