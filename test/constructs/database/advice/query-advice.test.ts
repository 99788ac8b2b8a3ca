import { Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as rds from 'aws-cdk-lib/aws-rds';
import {
  QueryAdvice,
  type QueryAdviceProps,
} from '../../../../lib/constructs/database/advice/query-advice';
import {
  type AdviceSettings,
  adviceLines,
  failureLines,
  loginRefused,
} from '../../../../lib/constructs/database/advice/query-advice.handler';
import { IsochroneError } from '../../../../lib/model/errors';
import type { Advice } from '../../../../lib/tools/postgres/advice/advice';
import { testStack } from '../../../test-stack';

function advisor(props: Partial<QueryAdviceProps> = {}): QueryAdvice {
  const stack = testStack('eu-west-1');
  const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: 'vpc-0123456789abcdef0',
    availabilityZones: ['eu-west-1a', 'eu-west-1b'],
    isolatedSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
    isolatedSubnetRouteTableIds: ['rtb-0123456789abcdef0', 'rtb-0123456789abcdef1'],
  });
  const instance = rds.DatabaseInstance.fromDatabaseInstanceAttributes(stack, 'Instance', {
    instanceIdentifier: 'market-primary',
    instanceEndpointAddress: 'primary.example.com',
    instanceResourceId: 'db-ABCDEFGHIJKL',
    port: 5432,
    securityGroups: [],
  });
  const access = new ec2.Connections({
    securityGroups: [
      new ec2.SecurityGroup(stack, 'Group', {
        vpc,
        description: 'PostgreSQL',
        allowAllOutbound: false,
      }),
    ],
    defaultPort: ec2.Port.tcp(5432),
  });
  return new QueryAdvice(stack, 'Advice', {
    vpc,
    login: { instance, access, user: 'advisor', database: 'market' },
    instanceIdentifier: 'market-primary',
    ...props,
  });
}

describe('QueryAdvice', () => {
  const advice = advisor({ interval: Duration.minutes(5) });
  const template = Template.fromStack(Stack.of(advice));

  test('looks at the database on schedule, one look at a time, from inside of its network', () => {
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(5 minutes)' });
    template.hasResourceProperties('AWS::Lambda::Function', {
      ReservedConcurrentExecutions: 1,
      VpcConfig: { SubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'] },
      Environment: {
        Variables: {
          DATABASE_NAME: 'market',
          DATABASE_USER: 'advisor',
          INSTANCE: 'market-primary',
          SLOW_MILLISECONDS: '100',
          LOG_STATEMENTS: 'true',
        },
      },
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Action: 'rds-db:connect' })]),
      },
    });
  });

  test('offers its metrics where the function puts them', () => {
    expect(advice.metric('MissingIndexes')).toMatchObject({
      namespace: 'Isochrone/Database',
      metricName: 'MissingIndexes',
      dimensions: { DBInstanceIdentifier: 'market-primary' },
    });
  });

  test('refuses to look before the last look has ended', () => {
    expect(() => advisor({ interval: Duration.minutes(4) })).toThrow(
      'interval must be at least 5 minutes, got "4 minutes"',
    );
  });
});

describe('the log', () => {
  const FOUND: Advice = {
    statements: [
      {
        queryId: '7',
        statement: 'SELECT $1 /* Ada */',
        calls: 2,
        meanMilliseconds: 250,
        totalMilliseconds: 500,
      },
    ],
    findings: [
      {
        kind: 'slow-statement',
        subject: '7',
        message: '2 calls of 250.0 ms: SELECT $1 /* Ada */',
        queryId: '7',
      },
      { kind: 'unused-index', subject: 'public.i', message: 'public.i has not been used.' },
    ],
    notes: ['hypopg is not installed.'],
  };
  const lines = (settings: Partial<AdviceSettings> = {}) =>
    adviceLines(
      FOUND,
      {
        instance: 'market-primary',
        namespace: 'N',
        slowMilliseconds: 100,
        logStatements: true,
        ...settings,
      },
      new Date(0),
    );

  test('has a line for each finding and note, and the metrics in the form that CloudWatch reads', () => {
    const [slow, unused, note, metrics] = lines() as Record<string, unknown>[];
    expect(slow).toMatchObject({
      level: 'WARN',
      kind: 'slow-statement',
      queryId: '7',
      statement: 'SELECT $1 /* Ada */',
    });
    expect(unused).toMatchObject({
      kind: 'unused-index',
      subject: 'public.i',
      instance: 'market-primary',
    });
    expect(note).toMatchObject({ kind: 'note', message: 'hypopg is not installed.' });
    expect(metrics).toMatchObject({
      DBInstanceIdentifier: 'market-primary',
      SlowStatements: 1,
      UnusedIndexes: 1,
      MissingIndexes: 0,
      SlowestMean: 250,
      FailedLooks: 0,
    });
    const declared = JSON.stringify(metrics?._aws);
    for (const name of ['SlowStatements', 'MissingIndexes', 'InvalidIndexes', 'SlowestMean']) {
      expect(declared).toContain(`"Name":"${name}"`);
      expect(metrics?.[name]).toEqual(expect.any(Number));
    }
  });

  test('keeps statements out when told so, also out of the messages', () => {
    expect(JSON.stringify(lines({ logStatements: false }))).not.toContain('Ada');
  });

  test('of a look that failed, has the reason and one metric, which leaves the others as they were', () => {
    const [error, metrics] = failureLines(
      new Error('gone'),
      { instance: 'i', namespace: 'N', slowMilliseconds: 1, logStatements: true },
      new Date(0),
    );
    expect(error).toEqual({ level: 'ERROR', instance: 'i', message: 'gone' });
    expect(metrics).toEqual({
      _aws: {
        Timestamp: 0,
        CloudWatchMetrics: [
          {
            Namespace: 'N',
            Dimensions: [['DBInstanceIdentifier']],
            Metrics: [{ Name: 'FailedLooks', Unit: 'Count' }],
          },
        ],
      },
      DBInstanceIdentifier: 'i',
      FailedLooks: 1,
    });
  });
});

describe('a login that is refused', () => {
  test.each(['28000', '28P01'])('with SQLSTATE %s, says that migrations make the role', (code) => {
    const refused = loginRefused(
      Object.assign(new Error('password authentication failed for user "advisor"'), { code }),
      'advisor',
      'market-primary',
    );
    expect(refused).toBeInstanceOf(IsochroneError);
    expect(String(refused)).toMatch(
      /market-primary does not let the role advisor in: password .*\n.*made by migrations.*Run them/,
    );
  });

  test('for another reason, says that one', () => {
    const full = Object.assign(new Error('too many clients'), { code: '53300' });
    expect(loginRefused(full, 'advisor', 'market-primary')).toBe(full);
  });
});
