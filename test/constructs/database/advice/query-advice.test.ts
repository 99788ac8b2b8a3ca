import { Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
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
import { closedAccess, databaseVpc, importedInstance } from '../fixture';

function advisor(props: Partial<QueryAdviceProps> = {}): QueryAdvice {
  const stack = testStack('eu-west-1');
  const vpc = databaseVpc(stack, 2);
  const [instance, access] = [importedInstance(stack), closedAccess(stack, vpc)];
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

  test('runs on schedule, one run at a time, inside the network of the database', () => {
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

  test('offers the metrics under the names that the function writes', () => {
    expect(advice.metric('MissingIndexes')).toMatchObject({
      namespace: 'Isochrone/Database',
      metricName: 'MissingIndexes',
      dimensions: { DBInstanceIdentifier: 'market-primary' },
    });
  });

  test('refuses an interval in which the last run may not have ended', () => {
    expect(() => advisor({ interval: Duration.minutes(4) })).toThrow(
      'interval must be at least 5 minutes, got 4.',
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

  test('has a line for each finding and note, and one in the embedded metric format', () => {
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

  test('omits statements on request, also from the messages', () => {
    expect(JSON.stringify(lines({ logStatements: false }))).not.toContain('Ada');
  });

  test('of a failed run has the reason and one metric, and none of the others', () => {
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

describe('a refused login', () => {
  test.each(['28000', '28P01'])(
    'with SQLSTATE %s is explained by the migrations that create the role',
    (code) => {
      const refused = loginRefused(
        Object.assign(new Error('password authentication failed for user "advisor"'), { code }),
        'advisor',
        'market-primary',
      );
      expect(refused).toBeInstanceOf(IsochroneError);
      expect(String(refused)).toMatch(
        /market-primary refused the login of the role advisor: password .*\nMigrations create the role.*Run them/,
      );
    },
  );

  test('for another reason keeps its error', () => {
    const full = Object.assign(new Error('too many clients'), { code: '53300' });
    expect(loginRefused(full, 'advisor', 'market-primary')).toBe(full);
  });
});
