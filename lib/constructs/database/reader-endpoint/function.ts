import { Duration, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as route53 from 'aws-cdk-lib/aws-route53';
import type * as ssm from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { acknowledge, handlerDirectory } from '../../house-rules';
import { instanceArn } from '../primary';
import type { ReaderEndpointSettings } from './api';

/** How often the function runs. RDS reports as often. */
export const PERIOD = Duration.minutes(1);

/** The resources that the function works on. */
interface FunctionResources {
  readonly zone: route53.IHostedZone;
  readonly memory: ssm.IStringParameter;
  readonly logGroup: logs.ILogGroup;
}

/**
 * The function that updates the records. It may read the state and the metrics of these instances,
 * and change the weights of these records.
 */
export function readerEndpointFunction(
  scope: Construct,
  settings: ReaderEndpointSettings,
  resources: FunctionResources,
): lambda.Function {
  const created = new lambda.Function(scope, 'Function', {
    description: `Keeps the records of ${settings.name}.`,
    runtime: lambda.Runtime.NODEJS_24_X,
    architecture: lambda.Architecture.ARM_64,
    code: lambda.Code.fromAsset(handlerDirectory('reader-endpoint')),
    handler: 'index.handler',
    memorySize: 256,
    timeout: Duration.seconds(50),
    role: createRole(scope, settings, resources),
    logGroup: resources.logGroup,
    environment: { SETTINGS: Stack.of(scope).toJsonString(settings) },
    // Two runs at a time could undo each other. The next run, a minute later, makes up for a missed
    // one.
    reservedConcurrentExecutions: 1,
    retryAttempts: 0,
    maxEventAge: PERIOD,
  });
  acknowledge(
    created,
    'The event says only that a minute has passed. The next one does the work of one that was ' +
      'lost, and the alarm beside it goes off after five.',
    'NIST.800.53.R5-LambdaDLQ',
  );
  acknowledge(
    created,
    'It calls RDS, CloudWatch, Route 53 and Systems Manager, connects to nothing in the VPC, and ' +
      'nothing can connect to it.',
    'NIST.800.53.R5-LambdaInsideVPC',
    'PCI.DSS.321-LambdaInsideVPC',
  );
  return created;
}

function createRole(
  scope: Construct,
  { name, primary, replicas, region }: ReaderEndpointSettings,
  { zone, memory, logGroup }: FunctionResources,
): iam.Role {
  const role = new iam.Role(scope, 'Role', {
    description: `Keeps the records of ${name}.`,
    assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
  });
  const policy = new iam.ManagedPolicy(scope, 'Policy', {
    description: `What it takes to keep the records of ${name}.`,
    roles: [role],
    statements: [
      new iam.PolicyStatement({
        actions: ['rds:DescribeDBInstances'],
        resources: replicas.map((identifier) => instanceArn(scope, region, identifier)),
      }),
      new iam.PolicyStatement({
        actions: ['cloudwatch:GetMetricData'],
        resources: ['*'],
        conditions: {
          StringEquals: { 'aws:RequestedRegion': [...new Set([region, primary.region])] },
        },
      }),
      new iam.PolicyStatement({
        actions: ['route53:ListResourceRecordSets'],
        resources: [zone.hostedZoneArn],
      }),
      new iam.PolicyStatement({
        actions: ['route53:ChangeResourceRecordSets'],
        resources: [zone.hostedZoneArn],
        conditions: {
          'ForAllValues:StringEquals': {
            'route53:ChangeResourceRecordSetsNormalizedRecordNames': [name],
            'route53:ChangeResourceRecordSetsRecordTypes': ['CNAME'],
            'route53:ChangeResourceRecordSetsActions': ['UPSERT'],
          },
        },
      }),
      new iam.PolicyStatement({
        actions: ['ssm:GetParameter', 'ssm:PutParameter'],
        resources: [memory.parameterArn],
      }),
      new iam.PolicyStatement({
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.logGroupArn],
      }),
    ],
  });
  acknowledge(
    policy,
    'CloudWatch knows no permission for single metrics: GetMetricData is allowed for all or ' +
      'none. The condition limits it to the regions of the replicas and of the primary.',
    'AwsSolutions-IAM5[Resource::*]',
  );
  return role;
}
