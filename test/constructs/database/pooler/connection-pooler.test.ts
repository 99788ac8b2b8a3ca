import { execFileSync } from 'node:child_process';
import { Duration, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import {
  ConnectionPooler,
  type ConnectionPoolerProps,
} from '../../../../lib/constructs/database/pooler/connection-pooler';
import { sessionAgent } from '../../../../lib/constructs/database/pooler/session-agent';

import { testStack } from '../../../test-stack';
import { importedPeer } from '../../imported-peer';
import { namesAndStatistics } from '../fixture';

const USERS = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:market/pooler-users-AbCdEf';
const CERTIFICATE =
  'arn:aws:secretsmanager:us-east-1:111122223333:secret:market/pooler-certificate-AbCdEf';

function vpcOf(stack: Stack, zones: readonly string[] = ['a', 'b', 'c']): ec2.IVpc {
  return ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: 'vpc-0123456789abcdef0',
    availabilityZones: zones.map((zone) => `us-east-1${zone}`),
    privateSubnetIds: zones.map((zone) => `subnet-981fa7e${zone}`),
    privateSubnetRouteTableIds: zones.map((zone) => `rtb-981fa7e${zone}`),
  });
}

function poolerIn(stack: Stack, props: Partial<ConnectionPoolerProps> = {}): ConnectionPooler {
  return new ConnectionPooler(stack, 'Pooler', {
    vpc: vpcOf(stack),
    databases: { app: { host: 'reader.market.internal' } },
    connectionBudget: 450,
    users: secretsmanager.Secret.fromSecretCompleteArn(stack, 'Users', USERS),
    ...props,
  });
}

/** The user data of the only launch template, with placeholders for tokens. */
function bootScriptIn(template: Template): string {
  const [launchTemplate] = Object.values(template.findResources('AWS::EC2::LaunchTemplate'));
  const parts: unknown[] =
    launchTemplate?.Properties.LaunchTemplateData.UserData['Fn::Base64']['Fn::Join'][1];
  return parts
    .map((part) =>
      typeof part === 'string' ? part : ((part as { Ref?: string }).Ref ?? 'RESOLVED'),
    )
    .join('');
}

/** The content of a file that the boot script writes, as bash writes it. */
function fileWritten(script: string, path: string): string {
  const command = script.slice(
    script.search(new RegExp(`^install -D --mode \\d+ /dev/stdin ${path} `, 'm')),
  );
  const end = command.indexOf('\nEND_OF_FILE\n') + '\nEND_OF_FILE\n'.length;
  return execFileSync('bash', {
    input: command.slice(0, end).replace(/^install .* <<'END_OF_FILE'/, "cat <<'END_OF_FILE'"),
    encoding: 'utf8',
  });
}

describe('by default', () => {
  const stack = testStack();
  const pooler = poolerIn(stack);
  const databases = importedPeer(stack, 'sg-0123456789abcdef0', ec2.Port.tcp(5432));
  const service = importedPeer(stack, 'sg-0123456789abcdef1');
  pooler.poolers.allowToDefaultPort(databases);
  service.allowToDefaultPort(pooler);
  const template = Template.fromStack(stack);
  const script = bootScriptIn(template);

  test('there are three poolers, and a deployment does not set the desired capacity', () => {
    template.hasResourceProperties('AWS::AutoScaling::AutoScalingGroup', {
      MinSize: '3',
      MaxSize: '3',
      DesiredCapacity: Match.absent(),
      MaxInstanceLifetime: 14 * 86_400,
      HealthCheckType: 'ELB',
      HealthCheckGracePeriod: 300,
      VPCZoneIdentifier: ['subnet-981fa7ea', 'subnet-981fa7eb', 'subnet-981fa7ec'],
    });
  });

  test('poolers are replaced one at a time, and drain for less time than one warms up', () => {
    template.hasResource('AWS::AutoScaling::AutoScalingGroup', {
      Properties: {
        InstanceMaintenancePolicy: { MinHealthyPercentage: 100, MaxHealthyPercentage: 133 },
      },
      UpdatePolicy: {
        AutoScalingInstanceRefresh: { Strategy: 'Rolling', Preferences: { InstanceWarmup: 180 } },
      },
      CreationPolicy: { ResourceSignal: { Count: 3, Timeout: 'PT15M' } },
    });
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
      TargetGroupAttributes: Match.arrayWith([
        { Key: 'deregistration_delay.timeout_seconds', Value: '60' },
        { Key: 'deregistration_delay.connection_termination.enabled', Value: 'true' },
      ]),
    });
  });

  test('each pooler gets its share of the budget, which counts two poolers in exchange', () => {
    expect(pooler.figures.maxDatabaseConnections).toBe(90);
    expect(fileWritten(script, '/etc/pgbouncer/pgbouncer.ini')).toMatch(
      /^max_db_connections = 90$/m,
    );
  });

  test('an internal load balancer spans the zones and preserves the addresses of clients', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', {
      Type: 'network',
      Scheme: 'internal',
      LoadBalancerAttributes: Match.arrayWith([
        { Key: 'deletion_protection.enabled', Value: 'true' },
        { Key: 'load_balancing.cross_zone.enabled', Value: 'true' },
      ]),
    });
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', {
      Port: 5432,
      Protocol: 'TCP',
    });
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
      Port: 6432,
      Protocol: 'TCP',
      HealthCheckProtocol: 'TCP',
      HealthCheckIntervalSeconds: 10,
      TargetGroupAttributes: Match.arrayWith([
        { Key: 'preserve_client_ip.enabled', Value: 'true' },
      ]),
    });
    expect(pooler.endpoint.port).toBe(5432);
  });

  test('only the way from clients by load balancer and PgBouncer to databases is open', () => {
    const rules = (type: string) =>
      Object.values(template.findResources(type)).map(
        ({ Properties: { FromPort, ToPort, IpProtocol } }) => `${IpProtocol} ${FromPort}-${ToPort}`,
      );
    expect(rules('AWS::EC2::SecurityGroupIngress').sort()).toEqual([
      'tcp 5432-5432',
      'tcp 5432-5432',
      'tcp 6432-6432',
    ]);
    expect(rules('AWS::EC2::SecurityGroupEgress').sort()).toEqual([
      'tcp 5432-5432',
      'tcp 6432-6432',
    ]);
    for (const { Properties } of Object.values(template.findResources('AWS::EC2::SecurityGroup'))) {
      expect(Properties.SecurityGroupIngress).toBeUndefined();
      expect([undefined, 443, 252]).toContain(Properties.SecurityGroupEgress?.[0].FromPort);
    }
  });

  test('the instances run Debian 13, encrypted, with IMDSv2 and without an SSH key', () => {
    const [launchTemplate] = Object.values(template.findResources('AWS::EC2::LaunchTemplate'));
    expect(launchTemplate?.Properties.LaunchTemplateData).toMatchObject({
      InstanceType: 'c7g.large',
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { Encrypted: true, VolumeType: 'gp3' } },
      ],
    });
    expect(launchTemplate?.Properties.LaunchTemplateData).not.toHaveProperty('KeyName');
    template.hasParameter('*', {
      Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>',
      Default: '/aws/service/debian/release/13/latest/arm64',
    });
  });

  test('the role reads the verifiers from Secrets Manager; the user data lacks them', () => {
    expect(script).toContain(
      `aws secretsmanager get-secret-value --region us-east-1 --secret-id ${USERS}`,
    );
    expect(script).not.toMatch(/SCRAM-SHA-256\$\d/);
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'],
            Resource: USERS,
          }),
          Match.objectLike({ Action: ['logs:CreateLogStream', 'logs:PutLogEvents'] }),
          Match.objectLike({
            Action: 'cloudformation:SignalResource',
            Resource: { Ref: 'AWS::StackId' },
          }),
        ]),
      },
    });
  });

  test('the script is valid bash, fits into user data, and signals the group', () => {
    expect(Buffer.byteLength(script)).toBeLessThan(16_000);
    execFileSync('bash', ['-n'], { input: script });
    for (const name of ['pooler-users', 'pooler-report'])
      execFileSync('bash', ['-n'], { input: fileWritten(script, `/usr/local/bin/${name}`) });
    const [logicalId] = Object.keys(template.findResources('AWS::AutoScaling::AutoScalingGroup'));
    expect(script).toContain(
      `--stack-name Test --logical-resource-id ${logicalId} --unique-id "$instance"`,
    );
  });

  test('the agent is installed from a package whose signature is verified', () => {
    expect(script).toMatch(/apt-get install .* gpgv /);
    expect(script).toContain(`\n${sessionAgent('us-east-1', 'arm64').join('\n')}\n`);
    expect(script.match(/dpkg --install/g)).toHaveLength(1);
  });

  test('systemd always restarts PgBouncer and lets it open a file for every connection', () => {
    const settings = fileWritten(script, '/etc/systemd/system/pgbouncer.service.d/isochrone.conf');
    for (const line of [
      'Restart=always',
      `LimitNOFILE=${1000 + 90 + 256}`,
      'RuntimeDirectory=pgbouncer',
      'ProtectSystem=strict',
    ]) {
      expect(settings.split('\n')).toContain(line);
    }
    expect(fileWritten(script, '/etc/systemd/system/pooler-users.timer')).toContain(
      'OnCalendar=*:0/5',
    );
    expect(fileWritten(script, '/etc/systemd/system/pooler-report.timer')).toContain(
      'OnCalendar=minutely',
    );
  });

  test('clients must use TLS, and PgBouncer verifies the name of RDS', () => {
    const ini = fileWritten(script, '/etc/pgbouncer/pgbouncer.ini');
    expect(ini).toMatch(/^client_tls_sslmode = require$/m);
    expect(ini).toMatch(/^server_tls_sslmode = verify-full$/m);
    expect(script).toContain(
      'https://truststore.pki.rds.amazonaws.com/us-east-1/us-east-1-bundle.pem',
    );
    expect(script).toContain('openssl req -x509');
  });

  test('the log is retained', () => {
    template.hasResource('AWS::Logs::LogGroup', {
      Properties: { RetentionInDays: 90 },
      DeletionPolicy: 'RetainExceptOnCreate',
    });
  });

  test('metrics of the region sum up the poolers; the longest wait is the maximum', () => {
    expect(pooler.metric('ClientsWaiting').toMetricConfig().metricStat).toMatchObject({
      namespace: 'Isochrone/ConnectionPooler',
      metricName: 'ClientsWaiting',
      dimensions: [{ name: 'Pooler', value: 'Test/Pooler' }],
      statistic: 'Sum',
    });
    expect(
      pooler
        .metric('LongestWait', { database: 'app', period: Duration.minutes(5) })
        .toMetricConfig().metricStat,
    ).toMatchObject({
      dimensions: [
        { name: 'Database', value: 'app' },
        { name: 'Pooler', value: 'Test/Pooler' },
      ],
      statistic: 'Maximum',
      period: Duration.minutes(5),
    });
  });
});

test('the props reach the poolers', () => {
  const stack = testStack();
  poolerIn(stack, {
    vpcSubnets: { availabilityZones: ['us-east-1a', 'us-east-1b'] },
    databases: { app: { host: 'a' }, orders: { host: 'a', databaseName: 'app' } },
    certificate: secretsmanager.Secret.fromSecretCompleteArn(stack, 'Certificate', CERTIFICATE),
    figures: { queryWaitTimeoutSeconds: 20 },
    serverIdentity: 'verify-ca',
    instances: 2,
    instanceType: new ec2.InstanceType('c7i.large'),
    port: 6543,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const template = Template.fromStack(stack);
  const script = bootScriptIn(template);
  const ini = fileWritten(script, '/etc/pgbouncer/pgbouncer.ini');
  // 450 over 2 + 2 poolers and two databases of one host.
  for (const line of [
    'max_db_connections = 56',
    'query_wait_timeout = 20',
    'server_tls_sslmode = verify-ca',
  ])
    expect(ini).toContain(`${line}\n`);
  expect(script).toContain(`--secret-id ${CERTIFICATE}`);
  expect(script).not.toContain('openssl req');
  expect(script).toContain('debian_amd64');
  template.hasParameter('*', { Default: '/aws/service/debian/release/13/latest/amd64' });
  template.hasResourceProperties('AWS::AutoScaling::AutoScalingGroup', {
    InstanceMaintenancePolicy: { MaxHealthyPercentage: 150 },
  });
  template.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', { Port: 6543 });
  template.hasResource('AWS::Logs::LogGroup', { DeletionPolicy: 'Delete' });
});

describe('checks', () => {
  test.each<[string, Partial<ConnectionPoolerProps>, string]>([
    ['no instances', { instances: 0 }, 'instances must be 1 to 20, got 0'],
    ['too many instances', { instances: 21 }, 'instances must be 1 to 20, got 21'],
    [
      'one zone',
      { vpcSubnets: { availabilityZones: ['us-east-1a'] } },
      'vpcSubnets must be in two availability zones at least',
    ],
    ['a pooler without databases', { databases: {} }, 'databases must be one entry at least'],
    ['port 65536', { port: 65_536 }, 'port must be 1 to 65535'],
    [
      'a share smaller than a pool',
      { connectionBudget: 149 },
      'connectionBudget must be at least 150 for 3 poolers, got 149',
    ],
    [
      'a share smaller than a pool for two databases of one host',
      { connectionBudget: 299, databases: { a: { host: 'x' }, b: { host: 'x' } } },
      'connectionBudget must be at least 300 for 3 poolers, got 299',
    ],
    [
      'a list of hosts',
      { databases: { app: { host: 'a,b' } } },
      'databases.app.host must be one word',
    ],
  ])('%s is refused', (_name, props, message) => {
    expect(() => poolerIn(testStack(), props)).toThrow(message);
  });

  test.each<[string, Partial<ConnectionPoolerProps>]>([
    ['one instance', { instances: 1 }],
    ['twenty instances', { instances: 20, connectionBudget: 660 }],
    ['port 65535', { port: 65_535 }],
    ['two zones', { vpcSubnets: { availabilityZones: ['us-east-1a', 'us-east-1b'] } }],
    ['a share of exactly one pool', { connectionBudget: 150 }],
  ])('%s passes', (_name, props) => {
    expect(() => poolerIn(testStack(), props)).not.toThrow();
  });
});

describe('for other constructs', () => {
  const orders = (stack: Stack) =>
    secretsmanager.Secret.fromSecretCompleteArn(
      stack,
      'Orders',
      'arn:aws:secretsmanager:us-east-1:111122223333:secret:market/orders-AbCdEf',
    );
  const grantsTheSecret = (stack: Stack) =>
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::ManagedPolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({
            Action: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'],
            Resource: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:market/orders-AbCdEf',
          }),
        ],
      },
    });

  test('grantConnect lets a role read its secret', () => {
    const stack = testStack();
    const pooler = poolerIn(stack);
    pooler.grantConnect(new iam.ManagedPolicy(stack, 'Client'), orders(stack)).assertSuccess();
    grantsTheSecret(stack);
  });

  test('imported poolers know their endpoint, let clients in and grant the same', () => {
    const stack = testStack();
    const imported = ConnectionPooler.fromConnectionPoolerAttributes(stack, 'Imported', {
      hostname: 'poolers.market.internal',
      securityGroup: ec2.SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-0123456789abcdef0'),
    });
    expect(imported.endpoint).toEqual({ hostname: 'poolers.market.internal', port: 5432 });
    imported.connections.allowDefaultPortFrom(
      new ec2.SecurityGroup(stack, 'Client', { vpc: vpcOf(stack) }),
    );
    imported.grantConnect(new iam.ManagedPolicy(stack, 'Policy'), orders(stack));
    grantsTheSecret(stack);
    Template.fromStack(stack).hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      GroupId: 'sg-0123456789abcdef0',
      FromPort: 5432,
    });
  });

  test('the metrics have names of their own', () => {
    const pooler = poolerIn(testStack());
    expect(
      namesAndStatistics([
        pooler.metricClientsActive(),
        pooler.metricClientsWaiting(),
        pooler.metricLongestWait(),
        pooler.metricServerConnections({ statistic: 'Average' }),
      ]),
    ).toEqual([
      ['ClientsActive', 'Sum'],
      ['ClientsWaiting', 'Sum'],
      ['LongestWait', 'Maximum'],
      ['ServerConnections', 'Average'],
    ]);
  });
});
