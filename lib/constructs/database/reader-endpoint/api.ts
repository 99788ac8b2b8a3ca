/** The calls of a reader endpoint's function to AWS, and their form in the SDK of the runtime. */
import type * as cloudWatchSdk from '@aws-sdk/client-cloudwatch';
import type * as rdsSdk from '@aws-sdk/client-rds';
import type * as route53Sdk from '@aws-sdk/client-route-53';
import type * as ssmSdk from '@aws-sdk/client-ssm';

/** A record of the endpoint, as Route 53 has it. */
export interface EndpointRecord {
  /** The set identifier: a replica's identifier, or {@link WRITER}. */
  readonly id: string;
  readonly weight: number;
  readonly ttlSeconds: number;
  readonly values: readonly string[];
}

/** The set identifier of the writer's record. No instance can have this identifier. */
export const WRITER = '(writer)';

export interface InstanceFacts {
  readonly answers: boolean;
  /** Whether RDS says that replication has stopped, by an error or for good. */
  readonly isReplicationBroken: boolean;
}

export interface ReaderEndpointApi {
  /** Facts about one instance. An instance that RDS does not know does not answer. */
  instance(identifier: string): Promise<InstanceFacts>;
  /** The newest lag, in seconds, of each replica that has one. */
  lags(identifiers: readonly string[], nowSeconds: number): Promise<Record<string, number>>;
  /** The WAL that the primary wrote in each of its last minutes, in bytes per second. */
  primaryWal(nowSeconds: number): Promise<readonly number[]>;
  records(): Promise<readonly EndpointRecord[]>;
  /** Writes all of the records or none. After an error, either is possible; the next run looks. */
  writeRecords(records: readonly EndpointRecord[]): Promise<void>;
  readMemory(): Promise<string>;
  writeMemory(text: string): Promise<void>;
}

/** The settings that the construct passes to its function. */
export interface ReaderEndpointSettings {
  readonly name: string;
  readonly hostedZoneId: string;
  readonly memoryParameter: string;
  readonly replicas: readonly string[];
  readonly fallBackToWriter: boolean;
  readonly primary: { readonly region: string; readonly instanceIdentifier: string };
  readonly region: string;
  readonly dropLagSeconds: number;
  readonly restoreLagSeconds: number;
  readonly holdSeconds: number;
  readonly unknownSeconds: number;
}

/**
 * "Viewing Amazon RDS DB instance status", Amazon RDS user guide: the states in which an instance
 * still answers queries.
 */
const ANSWERING = new Set([
  'available',
  'backing-up',
  'configuring-enhanced-monitoring',
  'configuring-iam-database-auth',
  'configuring-log-exports',
  'modifying',
  'storage-config-upgrade',
  'storage-initialization',
  'storage-optimization',
]);

/**
 * The age of the oldest lag that counts. CloudWatch has a minute's value one or two minutes later.
 */
const READING_SECONDS = 240;
/**
 * How far back the primary's WAL is read. RDS switches the WAL segment of an idle primary every
 * five minutes.
 */
const WAL_SECONDS = 420;
const WAL_MINUTES = 5;

type Sdk = typeof cloudWatchSdk | typeof rdsSdk | typeof route53Sdk | typeof ssmSdk;

/**
 * @param load loads the SDK of the Lambda runtime, which is not bundled
 * @throws Error from a call if the SDK lacks its command
 */
export function readerEndpointApi(
  settings: ReaderEndpointSettings,
  load: (name: string) => unknown = require,
): ReaderEndpointApi {
  const { region, primary, hostedZoneId, memoryParameter, name } = settings;
  const rdsPackage = load('@aws-sdk/client-rds') as typeof rdsSdk;
  const cloudWatchPackage = load('@aws-sdk/client-cloudwatch') as typeof cloudWatchSdk;
  const route53Package = load('@aws-sdk/client-route-53') as typeof route53Sdk;
  const ssmPackage = load('@aws-sdk/client-ssm') as typeof ssmSdk;
  const rds = new (member(rdsPackage, 'RDSClient'))(clientConfig(region));
  const CloudWatchClient = member(cloudWatchPackage, 'CloudWatchClient');
  const cloudWatch = new CloudWatchClient(clientConfig(region));
  const primaryCloudWatch = new CloudWatchClient(clientConfig(primary.region));
  const route53 = new (member(route53Package, 'Route53Client'))(clientConfig(region));
  const ssm = new (member(ssmPackage, 'SSMClient'))(clientConfig(region));
  const metricData = (
    client: cloudWatchSdk.CloudWatchClient,
    input: cloudWatchSdk.GetMetricDataCommandInput,
  ) => client.send(new (member(cloudWatchPackage, 'GetMetricDataCommand'))(input));

  return {
    async instance(identifier) {
      const DescribeDBInstancesCommand = member(rdsPackage, 'DescribeDBInstancesCommand');
      try {
        const { DBInstances } = await rds.send(
          new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }),
        );
        const found = DBInstances?.[0];
        const replication = found?.StatusInfos?.find(
          ({ StatusType }) => StatusType === 'read replication',
        );
        return {
          answers: ANSWERING.has(found?.DBInstanceStatus ?? ''),
          isReplicationBroken: replication?.Normal === false,
        };
      } catch (error) {
        if (!/^DBInstanceNotFound(Fault)?$/.test((error as Error).name)) throw error;
        return { answers: false, isReplicationBroken: true };
      }
    },
    async lags(identifiers, nowSeconds) {
      const queries = identifiers.map((identifier, index) =>
        query(`lag${index}`, 'ReplicaLag', 'Maximum', identifier),
      );
      const results = await metricData(
        cloudWatch,
        recentMetrics(queries, nowSeconds, READING_SECONDS),
      );
      return Object.fromEntries(
        identifiers.flatMap((identifier, index) => {
          const newest = valuesOf(results, `lag${index}`)[0];
          return newest === undefined ? [] : [[identifier, newest]];
        }),
      );
    },
    async primaryWal(nowSeconds) {
      const queries = [
        query('wal', 'TransactionLogsGeneration', 'Average', primary.instanceIdentifier),
      ];
      const results = await metricData(
        primaryCloudWatch,
        recentMetrics(queries, nowSeconds, WAL_SECONDS),
      );
      return valuesOf(results, 'wal').slice(0, WAL_MINUTES);
    },
    async records() {
      const ListResourceRecordSetsCommand = member(route53Package, 'ListResourceRecordSetsCommand');
      const { ResourceRecordSets } = await route53.send(
        new ListResourceRecordSetsCommand({
          HostedZoneId: hostedZoneId,
          StartRecordName: name,
          StartRecordType: 'CNAME',
          // There are at most sixteen: fifteen replicas of one source, and the writer.
          MaxItems: 20,
        }),
      );
      return (ResourceRecordSets ?? [])
        .filter((each) => each.Name === `${name}.` && each.Type === 'CNAME')
        .map((each) => ({
          id: each.SetIdentifier ?? '',
          weight: each.Weight ?? 0,
          ttlSeconds: each.TTL ?? 0,
          values: (each.ResourceRecords ?? []).map(({ Value }) => Value ?? ''),
        }));
    },
    async writeRecords(records) {
      const Changes = records.map(
        ({ id, weight, ttlSeconds, values }): route53Sdk.Change => ({
          Action: 'UPSERT',
          ResourceRecordSet: {
            Name: name,
            Type: 'CNAME',
            SetIdentifier: id,
            Weight: weight,
            TTL: ttlSeconds,
            ResourceRecords: values.map((Value) => ({ Value })),
          },
        }),
      );
      const ChangeResourceRecordSetsCommand = member(
        route53Package,
        'ChangeResourceRecordSetsCommand',
      );
      await route53.send(
        new ChangeResourceRecordSetsCommand({
          HostedZoneId: hostedZoneId,
          ChangeBatch: { Changes },
        }),
      );
    },
    async readMemory() {
      const GetParameterCommand = member(ssmPackage, 'GetParameterCommand');
      const { Parameter } = await ssm.send(new GetParameterCommand({ Name: memoryParameter }));
      return Parameter?.Value ?? '{}';
    },
    async writeMemory(text) {
      const PutParameterCommand = member(ssmPackage, 'PutParameterCommand');
      await ssm.send(
        new PutParameterCommand({ Name: memoryParameter, Value: text, Overwrite: true }),
      );
    },
  };
}

function query(
  id: string,
  metric: string,
  statistic: string,
  instance: string,
): cloudWatchSdk.MetricDataQuery {
  const dimensions = [{ Name: 'DBInstanceIdentifier', Value: instance }];
  return {
    Id: id,
    MetricStat: {
      Metric: { Namespace: 'AWS/RDS', MetricName: metric, Dimensions: dimensions },
      Period: 60,
      Stat: statistic,
    },
  };
}

function recentMetrics(
  queries: cloudWatchSdk.MetricDataQuery[],
  nowSeconds: number,
  seconds: number,
): cloudWatchSdk.GetMetricDataCommandInput {
  return {
    MetricDataQueries: queries,
    StartTime: new Date((nowSeconds - seconds) * 1000),
    EndTime: new Date(nowSeconds * 1000),
    ScanBy: 'TimestampDescending',
  };
}

function valuesOf(
  { MetricDataResults }: cloudWatchSdk.GetMetricDataCommandOutput,
  id: string,
): readonly number[] {
  return MetricDataResults?.find((result) => result.Id === id)?.Values ?? [];
}

/**
 * The handler counts retries, so the client makes none. A call that hangs must leave time for them.
 * Without `throwOnRequestTimeout`, the SDK only logs that the time is over, and waits on.
 */
function clientConfig(region: string) {
  return {
    region,
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 1000,
      requestTimeout: 3000,
      throwOnRequestTimeout: true,
    },
  };
}

function member<Package extends Sdk, Name extends keyof Package>(
  sdk: Package,
  name: Name,
): Package[Name] {
  const found = sdk[name];
  if (found === undefined)
    throw new Error(`The AWS SDK of this runtime has no ${String(name)}. Use a newer runtime.`);
  return found;
}
