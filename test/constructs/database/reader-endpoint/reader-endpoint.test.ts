import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetParameterCommand, SSMClient, type SSMClientConfig } from '@aws-sdk/client-ssm';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as rds from 'aws-cdk-lib/aws-rds';
import * as route53 from 'aws-cdk-lib/aws-route53';
import * as sns from 'aws-cdk-lib/aws-sns';
import { PostgresSource } from '../../../../lib/constructs/database/primary/source';
import {
  type ReaderEndpointSettings,
  readerEndpointApi,
} from '../../../../lib/constructs/database/reader-endpoint/api';
import {
  ReaderEndpoint,
  type ReaderEndpointProps,
} from '../../../../lib/constructs/database/reader-endpoint/reader-endpoint';
import { PostgresReplicas } from '../../../../lib/constructs/database/replicas/postgres-replicas';
import { testStack } from '../../../test-stack';
import { databaseVpc, namesAndStatistics } from '../fixture';

const REPLICAS = {
  instanceIdentifiers: ['m-hub', 'm-leaf-1'],
  endpoints: ['m-hub.example.com', 'm-leaf-1.example.com'].map(
    (hostname) => ({ hostname, port: 5432, socketAddress: `${hostname}:5432` }) as rds.Endpoint,
  ),
};

/** The settings of the endpoint below, as its function receives them. */
const SETTINGS: ReaderEndpointSettings = {
  name: 'readers.market.internal',
  hostedZoneId: 'Z1',
  memoryParameter: '/memory',
  replicas: ['m-hub', 'm-leaf-1'],
  fallBackToWriter: false,
  primary: { region: 'us-east-1', instanceIdentifier: 'm-primary' },
  region: 'ap-southeast-1',
  dropLagSeconds: 60,
  restoreLagSeconds: 20,
  holdSeconds: 300,
  unknownSeconds: 300,
};

function endpoint(
  props: Partial<ReaderEndpointProps> = {},
  stack = testStack('ap-southeast-1'),
): ReaderEndpoint {
  return new ReaderEndpoint(stack, 'Readers', {
    vpc: ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
      vpcId: 'vpc-0123456789abcdef0',
      availabilityZones: ['ap-southeast-1a'],
    }),
    replicas: REPLICAS,
    primary: { region: 'us-east-1', instanceIdentifier: 'm-primary' },
    name: 'readers.market.internal',
    ...props,
  });
}

describe('by default', () => {
  const built = endpoint();
  const template = Template.fromStack(Stack.of(built));

  test('it has a private zone, and a weighted record of a few seconds for each replica', () => {
    template.hasResourceProperties('AWS::Route53::HostedZone', {
      Name: 'market.internal.',
      VPCs: [{ VPCId: 'vpc-0123456789abcdef0', VPCRegion: 'ap-southeast-1' }],
    });
    const records = Object.values(template.findResources('AWS::Route53::RecordSet')).map(
      ({ Properties }) => Properties,
    );
    expect(records).toEqual(
      ['m-hub', 'm-leaf-1'].map((id) =>
        expect.objectContaining({
          Name: 'readers.market.internal.',
          Type: 'CNAME',
          SetIdentifier: id,
          ResourceRecords: [`${id}.example.com`],
          Weight: 1,
          TTL: '5',
        }),
      ),
    );
  });

  test('one function at a time runs every minute; a failure is not retried but alarmed', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 minute)',
      Targets: [
        Match.objectLike({
          RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
        }),
      ],
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      ReservedConcurrentExecutions: 1,
      LoggingConfig: Match.anyValue(),
    });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', { MaximumRetryAttempts: 0 });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'Targets',
      Dimensions: [{ Name: 'Endpoint', Value: 'readers.market.internal' }],
      EvaluationPeriods: 5,
      TreatMissingData: 'breaching',
    });
    template.hasResource('AWS::Logs::LogGroup', {
      DeletionPolicy: Match.stringLikeRegexp('Retain'),
      Properties: { RetentionInDays: 90 },
    });
  });

  test('the function may use only these instances, records and parameter', () => {
    const statements = Object.values(template.findResources('AWS::IAM::ManagedPolicy'))[0]
      ?.Properties.PolicyDocument.Statement;
    const allowed = (action: string) =>
      statements.find(({ Action }: { Action: string | string[] }) =>
        [Action].flat().includes(action),
      );
    expect(allowed('rds:DescribeDBInstances').Resource).toHaveLength(2);
    expect(JSON.stringify(allowed('rds:DescribeDBInstances').Resource)).toMatch(
      /:db:m-hub.*:db:m-leaf-1/,
    );
    expect(allowed('cloudwatch:GetMetricData').Condition).toEqual({
      StringEquals: { 'aws:RequestedRegion': ['ap-southeast-1', 'us-east-1'] },
    });
    expect(allowed('route53:ChangeResourceRecordSets')).toMatchObject({
      Condition: {
        'ForAllValues:StringEquals': {
          'route53:ChangeResourceRecordSetsNormalizedRecordNames': ['readers.market.internal'],
          'route53:ChangeResourceRecordSetsRecordTypes': ['CNAME'],
          'route53:ChangeResourceRecordSetsActions': ['UPSERT'],
        },
      },
    });
    expect(JSON.stringify(allowed('route53:ChangeResourceRecordSets').Resource)).toMatch(
      /hostedzone.*"Ref":"ReadersZone/,
    );
    expect(allowed('ssm:PutParameter').Resource).not.toBe('*');
    expect(statements.flatMap(({ Action }: { Action: string | string[] }) => Action)).toHaveLength(
      8,
    );
  });

  test('the function starts, and learns of another replica, only after the records exist', () => {
    const records = Object.keys(template.findResources('AWS::Route53::RecordSet'));
    for (const type of ['AWS::Events::Rule', 'AWS::Lambda::Function']) {
      expect(Object.values(template.findResources(type))[0]?.DependsOn).toEqual(
        expect.arrayContaining(records),
      );
    }
  });

  test('the alarm starts with the schedule, not while RDS still creates the first replicas', () => {
    const [alarm] = Object.values(template.findResources('AWS::CloudWatch::Alarm'));
    expect(alarm?.DependsOn).toEqual(
      expect.arrayContaining(Object.keys(template.findResources('AWS::Events::Rule'))),
    );
  });
});

describe('with other props', () => {
  const stack = testStack('ap-southeast-1');
  const zone = route53.HostedZone.fromHostedZoneAttributes(stack, 'Zone', {
    hostedZoneId: 'Z1',
    zoneName: 'market.internal',
  });
  const alarmTopic = sns.Topic.fromTopicArn(
    stack,
    'Topic',
    'arn:aws:sns:ap-southeast-1:111111111111:alarms',
  );
  const removalPolicy = RemovalPolicy.DESTROY;
  endpoint(
    {
      zone,
      alarmTopic,
      removalPolicy,
      fallBackToWriter: 'writer.example.com',
      hold: Duration.minutes(10),
    },
    stack,
  );
  const template = Template.fromStack(stack);

  test('the record of the writer starts with weight 0', () => {
    template.hasResourceProperties('AWS::Route53::RecordSet', {
      HostedZoneId: 'Z1',
      SetIdentifier: '(writer)',
      Weight: 0,
      ResourceRecords: ['writer.example.com'],
    });
    template.resourceCountIs('AWS::Route53::HostedZone', 0);
  });

  test('the function receives the settings', () => {
    const [created] = Object.values(template.findResources('AWS::Lambda::Function'));
    const settings = created?.Properties.Environment.Variables.SETTINGS;
    const text = settings['Fn::Join'][1]
      .map((part: unknown) => (typeof part === 'string' ? part : 'ref'))
      .join('');
    expect(JSON.parse(text)).toEqual({
      ...SETTINGS,
      memoryParameter: 'ref',
      fallBackToWriter: true,
      holdSeconds: 600,
    });
  });

  test('the alarm notifies the topic', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmActions: ['arn:aws:sns:ap-southeast-1:111111111111:alarms'],
    });
  });
});

test('a PostgresReplicas is accepted, and hub and leaves each have a record', () => {
  const stack = testStack('ap-southeast-1');
  const vpc = databaseVpc(stack, 2);
  const primary = { region: 'us-east-1', instanceIdentifier: 'm-primary' };
  const replicas = new PostgresReplicas(stack, 'Replicas', {
    vpc,
    source: PostgresSource.inRegion(primary),
    identifierPrefix: 'm',
    leaves: 1,
  });
  new ReaderEndpoint(stack, 'Readers', { vpc, replicas, primary, name: 'readers.market.internal' });
  const template = Template.fromStack(stack);
  for (const SetIdentifier of ['m-hub', 'm-leaf-1']) {
    const [id] = Object.keys(
      template.findResources('AWS::RDS::DBInstance', {
        Properties: { DBInstanceIdentifier: SetIdentifier },
      }),
    );
    template.hasResourceProperties('AWS::Route53::RecordSet', {
      SetIdentifier,
      ResourceRecords: [{ 'Fn::GetAtt': [id, 'Endpoint.Address'] }],
    });
  }
});

describe('checks', () => {
  const seconds = Duration.seconds;
  const delayed = (...replayDelays: (Duration | undefined)[]) => ({
    replicas: { ...REPLICAS, replayDelays },
  });
  const NO_REPLICAS = { instanceIdentifiers: [], endpoints: [] };

  test.each<[string, Partial<ReaderEndpointProps>]>([
    ['name must be a name of three or more labels in lower case', { name: 'market.internal' }],
    ['name must be a name of three or more labels', { name: 'Readers.market.internal' }],
    ['replicas must be at least one instance', { replicas: NO_REPLICAS }],
    ['ttl must be 1 to 60 seconds, got 0', { ttl: seconds(0) }],
    ['ttl must be 1 to 60 seconds, got 61', { ttl: seconds(61) }],
    ['restoreLag must be below `dropLag`, 60 seconds, got 60', { restoreLag: seconds(60) }],
    [
      'dropLag must be above 900 seconds, the max_standby_streaming_delay of m-leaf-1, got 60',
      delayed(seconds(30), Duration.minutes(15)),
    ],
    ['dropLag must be above 60', delayed(seconds(60))],
    ['hold must be 60 seconds or more, got 59', { hold: seconds(59) }],
    ['unknownFor must be 60 seconds or more, got 0', { unknownFor: seconds(0) }],
  ])('refuses: %s', (message, props) => {
    expect(() => endpoint(props)).toThrow(message);
  });

  test('refuses a name of another zone', () => {
    const stack = testStack('ap-southeast-1');
    const zone = route53.HostedZone.fromHostedZoneAttributes(stack, 'Z', {
      hostedZoneId: 'Z1',
      zoneName: 'other.internal',
    });
    expect(() => endpoint({ zone }, stack)).toThrow(
      'name must be a name below other.internal, got "readers.market.internal"',
    );
  });

  test.each<[string, Partial<ReaderEndpointProps>]>([
    ['three labels', { name: 'r.market.internal' }],
    ['a TTL of one second', { ttl: seconds(1) }],
    ['a TTL of a minute', { ttl: seconds(60) }],
    ['a gap of a second', { restoreLag: seconds(59) }],
    ['replicas whose replay waits for less', delayed(seconds(59), undefined)],
    ['a hold of a minute', { hold: seconds(60), unknownFor: seconds(60) }],
  ])('%s passes', (_, props) => {
    expect(() => endpoint(props)).not.toThrow();
  });
});

describe('the calls to AWS', () => {
  const sent: {
    client: string;
    region: string;
    command: string;
    input: Record<string, unknown>;
  }[] = [];
  let answer: (command: string, input: Record<string, unknown>) => object = () => ({});

  /** A fake of the SDK's clients, which records commands and answers them. */
  function load(name: string): object {
    const client = class {
      constructor(private readonly settings: { region: string }) {}
      public async send(call: {
        command: string;
        input: Record<string, unknown>;
      }): Promise<object> {
        sent.push({ client: name, region: this.settings.region, ...call });
        return answer(call.command, call.input);
      }
    };
    const command = (commandName: string) =>
      class {
        public readonly command = commandName;
        constructor(public readonly input: object) {}
      };
    return new Proxy(
      {},
      { get: (_, key) => (String(key).endsWith('Client') ? client : command(String(key))) },
    );
  }

  const api = readerEndpointApi(SETTINGS, load);
  beforeEach(() => sent.splice(0));

  test.each<[string, object, boolean, boolean]>([
    [
      'available',
      {
        DBInstanceStatus: 'available',
        StatusInfos: [{ StatusType: 'read replication', Normal: true }],
      },
      true,
      false,
    ],
    ['being backed up', { DBInstanceStatus: 'backing-up' }, true, false],
    ['rebooting', { DBInstanceStatus: 'rebooting' }, false, false],
    ['in an unknown state', { DBInstanceStatus: 'teleporting' }, false, false],
    [
      'no longer replicating',
      {
        DBInstanceStatus: 'available',
        StatusInfos: [{ StatusType: 'read replication', Normal: false }],
      },
      true,
      true,
    ],
  ])('describe an instance that is %s', async (_, instance, answers, isReplicationBroken) => {
    answer = () => ({ DBInstances: [instance] });
    expect(await api.instance('m-hub')).toEqual({ answers, isReplicationBroken });
    expect(sent).toMatchObject([
      { client: '@aws-sdk/client-rds', input: { DBInstanceIdentifier: 'm-hub' } },
    ]);
  });

  test('treat a deleted instance as not answering, and pass other errors of RDS on', async () => {
    answer = () => {
      throw Object.assign(new Error('gone'), { name: 'DBInstanceNotFoundFault' });
    };
    expect(await api.instance('m-hub')).toEqual({ answers: false, isReplicationBroken: true });
    answer = () => {
      throw Object.assign(new Error('slow down'), { name: 'Throttling' });
    };
    await expect(api.instance('m-hub')).rejects.toThrow('slow down');
  });

  test('read the newest lag of each replica, and the WAL in the region of the primary', async () => {
    answer = (_, input) => ({
      MetricDataResults: (input.MetricDataQueries as { Id: string }[]).map(({ Id }) => ({
        Id,
        Values: Id === 'lag1' ? [] : [7, 8, 9],
      })),
    });
    expect(await api.lags(['m-hub', 'm-leaf-1'], 1000)).toEqual({ 'm-hub': 7 });
    expect(await api.primaryWal(1000)).toEqual([7, 8, 9]);
    expect(sent.map(({ region }) => region)).toEqual(['ap-southeast-1', 'us-east-1']);
    expect(JSON.stringify(sent[1]?.input)).toContain(
      '"MetricName":"TransactionLogsGeneration",' +
        '"Dimensions":[{"Name":"DBInstanceIdentifier","Value":"m-primary"}]',
    );
  });

  test('read records and write them back unchanged except for the weight', async () => {
    const set = {
      Name: 'readers.market.internal.',
      Type: 'CNAME',
      SetIdentifier: 'm-hub',
      TTL: 5,
      ResourceRecords: [{ Value: 'h' }],
    };
    answer = () => ({
      ResourceRecordSets: [
        { ...set, Weight: 1 },
        { ...set, Name: 'other.market.internal.' },
      ],
    });
    const records = await api.records();
    expect(records).toEqual([{ id: 'm-hub', weight: 1, ttlSeconds: 5, values: ['h'] }]);
    await api.writeRecords(records.map((record) => ({ ...record, weight: 0 })));
    const written = { ...set, Name: 'readers.market.internal', Weight: 0 };
    expect(sent[1]?.input).toEqual({
      HostedZoneId: 'Z1',
      ChangeBatch: { Changes: [{ Action: 'UPSERT', ResourceRecordSet: written }] },
    });
  });

  test('end a hanging call with an error, in time for a retry', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
      const Client = class extends SSMClient {
        constructor(settings: SSMClientConfig) {
          super({ ...settings, endpoint, credentials });
        }
      };
      const loadSsm = (name: string) =>
        name.endsWith('-ssm') ? { SSMClient: Client, GetParameterCommand } : load(name);
      await expect(readerEndpointApi(SETTINGS, loadSsm).readMemory()).rejects.toThrow(
        'exceeded the configured',
      );
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }, 20_000);

  test('read and write the memory', async () => {
    answer = () => ({ Parameter: { Value: '{"a":1}' } });
    expect(await api.readMemory()).toBe('{"a":1}');
    await api.writeMemory('{}');
    expect(sent[1]?.input).toEqual({ Name: '/memory', Value: '{}', Overwrite: true });
  });
});

describe('for other constructs', () => {
  const stack = testStack('ap-southeast-1', 'Other');
  const imported = ReaderEndpoint.fromReaderEndpointAttributes(stack, 'Imported', {
    name: 'readers.market.internal',
    port: 6432,
  });

  test('the endpoint is the name and the port of the replicas, here and imported', () => {
    expect(endpoint().endpoint).toEqual({ hostname: 'readers.market.internal', port: 5432 });
    expect(imported.endpoint).toEqual({ hostname: 'readers.market.internal', port: 6432 });
    expect(
      ReaderEndpoint.fromReaderEndpointAttributes(stack, 'WithoutPort', { name: 'r.m.internal' })
        .endpoint,
    ).toEqual({ hostname: 'r.m.internal', port: 5432 });
  });

  test('the metrics have the dimension of the name, and take options', () => {
    const metrics = [
      imported.metricTargets(),
      imported.metricDropped(),
      imported.metricOnWriter({ statistic: 'Sum' }),
    ];
    expect(namesAndStatistics(metrics)).toEqual([
      ['Targets', 'Minimum'],
      ['Dropped', 'Maximum'],
      ['OnWriter', 'Sum'],
    ]);
    for (const { namespace, dimensions, period } of metrics) {
      expect(namespace).toBe('Isochrone/ReaderEndpoint');
      expect(dimensions).toEqual({ Endpoint: 'readers.market.internal' });
      expect(period.toSeconds()).toBe(60);
    }
  });
});
