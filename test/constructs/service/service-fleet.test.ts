import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration, Lazy, RemovalPolicy } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import {
  ServiceFleet,
  type ServiceFleetProps,
} from '../../../lib/constructs/service/service-fleet';
import { testStack } from '../../test-stack';
import { importedPeer } from '../imported-peer';
import { requiredProps } from './fixture';

const fleetWith = (props: Partial<ServiceFleetProps> = {}, stack = testStack()) =>
  new ServiceFleet(stack, 'Fleet', { ...requiredProps(stack), ...props });

/** Writes an application to a temporary folder. */
function application(files: Record<string, string> = { 'server.js': '' }): string {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-application-'));
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(directory, name), content);
  return directory;
}

/** The user data of the only launch template, with a placeholder for tokens. */
function bootScriptIn(template: Template): string {
  const [launchTemplate] = Object.values(template.findResources('AWS::EC2::LaunchTemplate'));
  const parts: unknown[] =
    launchTemplate?.Properties.LaunchTemplateData.UserData['Fn::Base64']['Fn::Join'][1];
  return parts.map((part) => (typeof part === 'string' ? part : 's3://bucket/key.zip')).join('');
}

/** The content of a file that the boot script writes, as bash writes it. */
function fileWritten(script: string, path: string): string {
  const command = script.slice(script.indexOf(`cat > ${path} `));
  const end = command.indexOf('\nEND_OF_FILE\n') + '\nEND_OF_FILE\n'.length;
  return execFileSync('bash', {
    input: command.slice(0, end).replace(`> ${path} `, ''),
    encoding: 'utf8',
  });
}

describe('by default', () => {
  const stack = testStack();
  const fleet = fleetWith({}, stack);
  const database = importedPeer(stack, 'sg-0123456789abcdef0', ec2.Port.tcp(5432));
  database.allowDefaultPortFrom(fleet);
  sqs.Queue.fromQueueArn(
    stack,
    'Queue',
    'arn:aws:sqs:us-east-1:111122223333:jobs',
  ).grantSendMessages(fleet);
  const template = Template.fromStack(stack);
  const script = bootScriptIn(template);

  test('a deployment never sets the desired capacity', () => {
    template.hasResourceProperties('AWS::AutoScaling::AutoScalingGroup', {
      DesiredCapacity: Match.absent(),
      MinSize: '2',
      MaxSize: '50',
    });
  });

  test('a changed launch template replaces instances gradually, new ones first', () => {
    template.hasResource('AWS::AutoScaling::AutoScalingGroup', {
      Properties: {
        LaunchTemplate: { Version: { 'Fn::GetAtt': [Match.anyValue(), 'LatestVersionNumber'] } },
        // Applies to rollouts, and to old or unhealthy instances.
        InstanceMaintenancePolicy: { MinHealthyPercentage: 100, MaxHealthyPercentage: 110 },
      },
      UpdatePolicy: {
        AutoScalingInstanceRefresh: {
          Strategy: 'Rolling',
          Preferences: { MinHealthyPercentage: Match.absent(), InstanceWarmup: 120 },
        },
        AutoScalingRollingUpdate: Match.absent(),
      },
    });
  });

  test('creation waits for the signals of serving instances', () => {
    template.hasResource('AWS::AutoScaling::AutoScalingGroup', {
      CreationPolicy: { ResourceSignal: { Count: 2, Timeout: 'PT15M' } },
    });
    const [logicalId] = Object.keys(template.findResources('AWS::AutoScaling::AutoScalingGroup'));
    expect(script).toContain(
      `cfn-signal --stack Test --resource ${logicalId} --region us-east-1 -e $exitCode`,
    );
  });

  test('unreachable instances are replaced after a grace period, and old ones by age', () => {
    template.hasResourceProperties('AWS::AutoScaling::AutoScalingGroup', {
      HealthCheckType: 'ELB',
      HealthCheckGracePeriod: 180,
      DefaultInstanceWarmup: 120,
      MaxInstanceLifetime: 14 * 86_400,
      TerminationPolicies: ['OldestLaunchTemplate', 'Default'],
      VPCZoneIdentifier: ['subnet-981fa7ea', 'subnet-981fa7eb'],
      NotificationConfigurations: Match.absent(),
    });
  });

  test('the fleet follows CPU and requests per target', () => {
    const targets = Object.values(template.findResources('AWS::AutoScaling::ScalingPolicy')).map(
      ({ Properties }) => ({
        metric:
          Properties.TargetTrackingConfiguration.PredefinedMetricSpecification.PredefinedMetricType,
        target: Properties.TargetTrackingConfiguration.TargetValue,
      }),
    );
    expect(targets).toEqual([
      { metric: 'ASGAverageCPUUtilization', target: 70 },
      { metric: 'ALBRequestCountPerTarget', target: 60_000 },
    ]);
  });

  test('instances require IMDSv2 from the host itself, encrypt their disk and have no SSH key', () => {
    template.hasResourceProperties('AWS::EC2::LaunchTemplate', {
      LaunchTemplateData: {
        InstanceType: 'm7g.large',
        KeyName: Match.absent(),
        MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
        Monitoring: { Enabled: true },
        BlockDeviceMappings: [
          {
            DeviceName: '/dev/xvda',
            Ebs: Match.objectLike({ Encrypted: true, VolumeType: 'gp3' }),
          },
        ],
      },
    });
  });

  test('the image is resolved at deployment, not at synthesis', () => {
    const [launchTemplate] = Object.values(template.findResources('AWS::EC2::LaunchTemplate'));
    template.hasParameter(launchTemplate?.Properties.LaunchTemplateData.ImageId.Ref, {
      Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>',
      Default: Match.stringLikeRegexp(
        '^/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-.*-arm64$',
      ),
    });
  });

  test('only the load balancer reaches the instances', () => {
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      GroupId: stack.resolve(fleet.connections.securityGroups[0]?.securityGroupId),
      SourceSecurityGroupId: stack.resolve(
        fleet.loadBalancer.connections.securityGroups[0]?.securityGroupId,
      ),
      FromPort: 8080,
      ToPort: 8080,
    });
  });

  test('the instances reach only HTTPS and the groups that admit them', () => {
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupEgress: [Match.objectLike({ CidrIp: '0.0.0.0/0', FromPort: 443, ToPort: 443 })],
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', {
      GroupId: stack.resolve(fleet.connections.securityGroups[0]?.securityGroupId),
      DestinationSecurityGroupId: 'sg-0123456789abcdef0',
      FromPort: 5432,
    });
  });

  test('the health check requests /health, and departing targets finish their requests', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
      HealthCheckPath: '/health',
      Matcher: { HttpCode: '200' },
      Port: 8080,
      Protocol: 'HTTP',
      TargetGroupAttributes: Match.arrayWith([
        { Key: 'deregistration_delay.timeout_seconds', Value: '30' },
        { Key: 'load_balancing.algorithm.type', Value: 'least_outstanding_requests' },
      ]),
    });
  });

  test('a policy per version lets the role read one archive before any instance starts', () => {
    const policies = template.findResources('AWS::IAM::ManagedPolicy', {
      Properties: { PolicyDocument: { Statement: [Match.objectLike({ Action: 's3:GetObject' })] } },
    });
    const [[logicalId, policy] = ['', undefined]] = Object.entries(policies);
    const [, hash] =
      /\/([0-9a-f]{64})\.zip$/.exec(
        JSON.stringify(policy?.Properties.PolicyDocument.Statement[0].Resource).replace(
          /["\]}]+$/,
          '',
        ),
      ) ?? [];
    expect(Object.keys(policies)).toHaveLength(1);
    expect(logicalId).toContain(`ReadApplication${hash?.slice(0, 8)}`);
    template.hasResource('AWS::AutoScaling::AutoScalingGroup', {
      DependsOn: Match.arrayWith([logicalId]),
    });
  });

  test('the role has no AWS managed policy', () => {
    template.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });

  test('the boot script is valid bash and fits into user data', () => {
    expect(() => execFileSync('bash', ['-n'], { input: script })).not.toThrow();
    expect(script).toContain('set -euo pipefail');
    // "User data is limited to 16 KB, in raw form", Amazon EC2 user guide.
    expect(Buffer.byteLength(script)).toBeLessThan(16_000);
  });

  test('the application runs without privileges and restarts without limit', () => {
    const unit = fileWritten(script, '/etc/systemd/system/application.service').split('\n');
    expect(unit).toEqual(
      expect.arrayContaining([
        'User=application',
        'ExecStart=/usr/bin/node-22 index.js',
        'Restart=always',
        'NoNewPrivileges=yes',
        'ProtectSystem=strict',
        'CapabilityBoundingSet=',
      ]),
    );
    expect(script).toContain('nodejs22');
  });

  test('the environment names the region, port and instance', () => {
    expect(fileWritten(script, '/etc/application.env').split('\n')).toEqual([
      'NODE_ENV="production"',
      'AWS_REGION="us-east-1"',
      'PORT="8080"',
      'KEEP_ALIVE_SECONDS="65"',
      '',
    ]);
  });
});

test('its metrics name its group and its targets', () => {
  const stack = testStack();
  const fleet = fleetWith({}, stack);
  const group = {
    AutoScalingGroupName: stack.resolve(fleet.autoScalingGroup.autoScalingGroupName),
  };
  const metrics = {
    'AWS/EC2 CPUUtilization': fleet.metricCpu(),
    'AWS/AutoScaling GroupDesiredCapacity': fleet.metricDesiredCapacity(),
    'AWS/AutoScaling GroupMaxSize': fleet.metricMaxSize(),
    'AWS/AutoScaling GroupInServiceInstances': fleet.metricInServiceInstances(),
  };
  for (const [name, { namespace, metricName, dimensions }] of Object.entries(metrics)) {
    expect([`${namespace} ${metricName}`, stack.resolve(dimensions)]).toEqual([name, group]);
  }
  expect(fleet.metricHealthyHosts({ statistic: 'Maximum' })).toMatchObject({
    metricName: 'HealthyHostCount',
    statistic: 'Maximum',
  });
  expect(fleet.metricUnhealthyHosts().metricName).toBe('UnHealthyHostCount');
});

describe('with every prop set', () => {
  const stack = testStack();
  const notificationTopic = sns.Topic.fromTopicArn(
    stack,
    'Topic',
    'arn:aws:sns:us-east-1:111122223333:events',
  );
  const environment = {
    CACHE: Lazy.string({ produce: () => 's3://later' }),
    TRICKY: `a "b" \\c $HOME \`id\` 'd'`,
    NODE_ENV: 'staging',
  };
  fleetWith(
    {
      application: { directory: application(), entry: 'server.js' },
      environment,
      port: 3000,
      healthCheckPath: '/status/live',
      healthCheckGrace: Duration.minutes(10),
      idleTimeout: Duration.seconds(120),
      instanceType: new ec2.InstanceType('c7i.xlarge'),
      minCapacity: 3,
      maxCapacity: 9,
      targetCpuPercent: 55,
      targetRequestsPerSecond: 200,
      instanceWarmup: Duration.seconds(45),
      maxInstanceLifetime: Duration.days(30),
      deregistrationDelay: Duration.seconds(90),
      rollbackAlarms: [
        cloudwatch.Alarm.fromAlarmArn(
          stack,
          'Errors',
          'arn:aws:cloudwatch:us-east-1:111122223333:alarm:errors',
        ),
      ],
      vpcSubnets: {
        subnets: [
          ec2.Subnet.fromSubnetAttributes(stack, 'Subnet', {
            subnetId: 'subnet-0aa0aa0a',
            availabilityZone: 'us-east-1a',
            routeTableId: 'rtb-0aa0aa0a',
          }),
        ],
      },
      notificationTopic,
      removalPolicy: RemovalPolicy.DESTROY,
    },
    stack,
  );
  const template = Template.fromStack(stack);
  const script = bootScriptIn(template);

  test('the group has the given settings', () => {
    template.hasResource('AWS::AutoScaling::AutoScalingGroup', {
      Properties: {
        MinSize: '3',
        MaxSize: '9',
        HealthCheckGracePeriod: 600,
        DefaultInstanceWarmup: 45,
        MaxInstanceLifetime: 30 * 86_400,
        VPCZoneIdentifier: ['subnet-0aa0aa0a'],
        NotificationConfigurations: [Match.objectLike({ TopicARN: notificationTopic.topicArn })],
      },
      UpdatePolicy: {
        AutoScalingInstanceRefresh: { Preferences: { AlarmSpecification: { Alarms: ['errors'] } } },
      },
    });
    template.hasResourceProperties('AWS::AutoScaling::ScalingPolicy', {
      TargetTrackingConfiguration: { TargetValue: 55 },
    });
    template.hasResourceProperties('AWS::AutoScaling::ScalingPolicy', {
      TargetTrackingConfiguration: { TargetValue: 12_000 },
    });
  });

  test('the image has the architecture of the instances', () => {
    template.hasResourceProperties('AWS::EC2::LaunchTemplate', {
      LaunchTemplateData: { InstanceType: 'c7i.xlarge' },
    });
    const images = Object.values(
      template.findParameters('*', { Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>' }),
    );
    expect(images.map(({ Default }) => Default)).toEqual([expect.stringMatching(/x86_64$/)]);
  });

  test('the health check requests the given port and path', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
      Port: 3000,
      HealthCheckPath: '/status/live',
      TargetGroupAttributes: Match.arrayWith([
        { Key: 'deregistration_delay.timeout_seconds', Value: '90' },
      ]),
    });
    expect(script).toContain('http://127.0.0.1:3000/status/live');
  });

  test('the shell expands nothing in the environment', () => {
    expect(fileWritten(script, '/etc/application.env').split('\n')).toEqual([
      'CACHE="s3://later"',
      `TRICKY="a \\"b\\" \\\\c $HOME \`id\` 'd'"`,
      'NODE_ENV="staging"',
      'AWS_REGION="us-east-1"',
      'PORT="3000"',
      'KEEP_ALIVE_SECONDS="125"',
      '',
    ]);
    expect(fileWritten(script, '/etc/systemd/system/application.service')).toContain(
      'ExecStart=/usr/bin/node-22 server.js\n',
    );
  });
});

test('another application gets another policy, for a rollout as well as a rollback', () => {
  const policyOf = (content: string) => {
    const stack = testStack();
    fleetWith({ application: { directory: application({ 'index.js': content }) } }, stack);
    return Object.keys(Template.fromStack(stack).findResources('AWS::IAM::ManagedPolicy')).filter(
      (id) => id.includes('ReadApplication'),
    );
  };
  expect(policyOf('1')).toEqual(policyOf('1'));
  expect(policyOf('1')).not.toEqual(policyOf('2'));
});

describe('values that AWS would refuse or no instance could run', () => {
  const directory = application();

  test.each([
    ['index.js', 'server.js'],
    ['../server.js', './server.js'],
    ['server.js --inspect', 'server.js'],
  ])('an entry that is no file of the folder: %s', (refused, allowed) => {
    const fleetFrom = (entry: string) => fleetWith({ application: { directory, entry } });
    expect(() => fleetFrom(refused)).toThrow('application.entry must be a file in');
    expect(() => fleetFrom(allowed)).not.toThrow();
  });

  test.each([
    ['port', 80, 1024, '1024 to 65535, got 80.'],
    ['port', 65_536, 65_535, '1024 to 65535, got 65536.'],
    ['minCapacity', 0, 1, 'a whole number from 1 to the maximum number of instances, 50, got 0.'],
    [
      'maxCapacity',
      2.5,
      3,
      'a whole number of at least the minimum number of instances, 2, got 2.5.',
    ],
    ['targetCpuPercent', 0, 1, 'above 0 and up to 100, got 0.'],
    ['targetCpuPercent', 101, 100, 'above 0 and up to 100, got 101.'],
    ['targetRequestsPerSecond', 0, 0.5, 'above 0, got 0.'],
  ])('%s of %d, where %d passes', (property, refused, allowed, message) => {
    expect(() => fleetWith({ [property]: refused })).toThrow(`${property} must be ${message}`);
    expect(() => fleetWith({ [property]: allowed })).not.toThrow();
  });

  test('a minimum above the maximum', () => {
    const fleetFrom = (minCapacity: number) => fleetWith({ minCapacity, maxCapacity: 2 });
    expect(() => fleetFrom(3)).toThrow(
      'minCapacity must be a whole number from 1 to the maximum number of instances, 2, got 3.',
    );
    expect(() => fleetFrom(2)).not.toThrow();
  });

  test.each([
    ['health', '/'],
    ['/health?a=b', '/health/a.b'],
  ])('a health check of the application at %s, where %s passes', (healthCheckPath, passes) => {
    const application = { directory, entry: 'server.js' };
    expect(() => fleetWith({ healthCheckPath })).toThrow('healthCheckPath must be a path');
    expect(() => fleetWith({ application, healthCheckPath: passes })).not.toThrow();
  });

  test('a health check at a path that the default server does not answer', () => {
    expect(() => fleetWith({ healthCheckPath: '/live' })).toThrow(
      'healthCheckPath must be /health without',
    );
    expect(() => fleetWith({ healthCheckPath: '/health' })).not.toThrow();
  });

  test.each([
    ['healthCheckGrace', 7201, 7200, '0 to 7200 s'],
    ['maxInstanceLifetime', 23 * 3600, 24 * 3600, '1 to 365 days'],
    ['maxInstanceLifetime', 366 * 86_400, 365 * 86_400, '1 to 365 days'],
  ])('%s of %d s, where %d s passes', (property, refused, allowed, range) => {
    const fleetOf = (seconds: number) => fleetWith({ [property]: Duration.seconds(seconds) });
    expect(() => fleetOf(refused)).toThrow(`${property} must be ${range}`);
    expect(() => fleetOf(allowed)).not.toThrow();
  });

  test.each<[string, Record<string, string>, string, Record<string, string>]>([
    ['a variable that the fleet sets', { PORT: '1' }, ' must be named', { PORTS: '1' }],
    ['a variable that systemd ignores', { 'a-b': '1' }, ' must be named', { a_b: '1' }],
    ['a value of two lines', { A: '1\n2' }, '.A must be one line', { A: '1\\n2' }],
    [
      'more than user data holds',
      { LARGE: 'x'.repeat(10_000) },
      ' must be at most 10000 bytes',
      { LARGE: 'x'.repeat(9_980) },
    ],
  ])('an environment with %s', (_, refused, message, allowed) => {
    expect(() => fleetWith({ environment: refused })).toThrow(`environment${message}`);
    expect(() => fleetWith({ environment: allowed })).not.toThrow();
  });

  test('values known only at deployment pass', () => {
    const port = Lazy.number({ produce: () => 8081 });
    const minCapacity = Lazy.number({ produce: () => 4 });
    expect(() =>
      fleetWith({ port, minCapacity, environment: { HOST: Lazy.string({ produce: () => 'a' }) } }),
    ).not.toThrow();
  });
});
