/**
 * What a reader endpoint asks of AWS, in its own words, and how the SDK of the Lambda runtime
 * answers.
 */

/** A record of the endpoint, as Route 53 has it. */
export interface EndpointRecord {
  /** The set identifier: a replica's identifier, or {@link WRITER}. */
  readonly id: string;
  readonly weight: number;
  readonly ttlSeconds: number;
  readonly values: readonly string[];
}

/** The set identifier of the writer's record; no instance can be called so. */
export const WRITER = '(writer)';

export interface InstanceFacts {
  readonly answers: boolean;
  /** Whether RDS says that replication has stopped, by an error or for good. */
  readonly isReplicationBroken: boolean;
}

export interface ReaderEndpointApi {
  /** Facts about one instance; one that RDS does not know does not answer. */
  instance(identifier: string): Promise<InstanceFacts>;
  /** The newest lag in seconds of each replica that has one. */
  lags(identifiers: readonly string[], nowSeconds: number): Promise<Record<string, number>>;
  /** What the primary wrote in each of its last minutes, in bytes of WAL per second. */
  primaryWal(nowSeconds: number): Promise<readonly number[]>;
  records(): Promise<readonly EndpointRecord[]>;
  /** All of them or none. */
  writeRecords(records: readonly EndpointRecord[]): Promise<void>;
  readMemory(): Promise<string>;
  writeMemory(text: string): Promise<void>;
}

/** What the construct tells its function. */
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
 * goes on answering queries.
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

/** How old a reading may be. CloudWatch has a minute's figure a minute or two later. */
const READING_SECONDS = 240;
/**
 * How far back the primary is looked at: RDS switches an idle primary's WAL segment every five
 * minutes.
 */
const WAL_SECONDS = 420;
const WAL_MINUTES = 5;

interface Client {
  send(command: object): Promise<object>;
}
type Sdk = Readonly<Record<string, new (input: object) => object>>;
interface DescribedInstances {
  readonly DBInstances?: readonly {
    readonly DBInstanceStatus?: string;
    readonly StatusInfos?: readonly { readonly StatusType?: string; readonly Normal?: boolean }[];
  }[];
}
interface MetricData {
  readonly MetricDataResults?: readonly {
    readonly Id: string;
    readonly Values?: readonly number[];
  }[];
}
interface RecordSet {
  readonly Name: string;
  readonly Type: string;
  readonly SetIdentifier?: string;
  readonly Weight?: number;
  readonly TTL?: number;
  readonly ResourceRecords?: readonly { readonly Value: string }[];
}

export function readerEndpointApi(
  settings: ReaderEndpointSettings,
  load: (name: string) => unknown = require,
): ReaderEndpointApi {
  const { region, primary, hostedZoneId, memoryParameter, name } = settings;
  const rds = caller(load, region, 'rds', 'RDSClient');
  const cloudWatch = caller(load, region, 'cloudwatch', 'CloudWatchClient');
  const primaryCloudWatch = caller(load, primary.region, 'cloudwatch', 'CloudWatchClient');
  const route53 = caller(load, region, 'route-53', 'Route53Client');
  const ssm = caller(load, region, 'ssm', 'SSMClient');

  return {
    async instance(identifier) {
      try {
        const { DBInstances } = await rds<DescribedInstances>('DescribeDBInstancesCommand', {
          DBInstanceIdentifier: identifier,
        });
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
      const results = await cloudWatch<MetricData>(
        'GetMetricDataCommand',
        lookBack(queries, nowSeconds, READING_SECONDS),
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
      const results = await primaryCloudWatch<MetricData>(
        'GetMetricDataCommand',
        lookBack(queries, nowSeconds, WAL_SECONDS),
      );
      return valuesOf(results, 'wal').slice(0, WAL_MINUTES);
    },
    async records() {
      // Sixteen at most: fifteen replicas of one source, and the writer.
      const { ResourceRecordSets } = await route53<{ ResourceRecordSets?: readonly RecordSet[] }>(
        'ListResourceRecordSetsCommand',
        {
          HostedZoneId: hostedZoneId,
          StartRecordName: name,
          StartRecordType: 'CNAME',
          MaxItems: 20,
        },
      );
      return (ResourceRecordSets ?? [])
        .filter((each) => each.Name === `${name}.` && each.Type === 'CNAME')
        .map((each) => ({
          id: each.SetIdentifier ?? '',
          weight: each.Weight ?? 0,
          ttlSeconds: each.TTL ?? 0,
          values: (each.ResourceRecords ?? []).map(({ Value }) => Value),
        }));
    },
    async writeRecords(records) {
      const Changes = records.map(({ id, weight, ttlSeconds, values }) => ({
        Action: 'UPSERT',
        ResourceRecordSet: {
          Name: name,
          Type: 'CNAME',
          SetIdentifier: id,
          Weight: weight,
          TTL: ttlSeconds,
          ResourceRecords: values.map((Value) => ({ Value })),
        },
      }));
      await route53('ChangeResourceRecordSetsCommand', {
        HostedZoneId: hostedZoneId,
        ChangeBatch: { Changes },
      });
    },
    async readMemory() {
      const { Parameter } = await ssm<{ Parameter?: { Value?: string } }>('GetParameterCommand', {
        Name: memoryParameter,
      });
      return Parameter?.Value ?? '{}';
    },
    async writeMemory(text) {
      await ssm('PutParameterCommand', { Name: memoryParameter, Value: text, Overwrite: true });
    },
  };
}

function query(id: string, metric: string, statistic: string, instance: string) {
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

function lookBack(queries: readonly object[], nowSeconds: number, seconds: number) {
  return {
    MetricDataQueries: queries,
    StartTime: new Date((nowSeconds - seconds) * 1000),
    EndTime: new Date(nowSeconds * 1000),
    ScanBy: 'TimestampDescending',
  };
}

function valuesOf({ MetricDataResults }: MetricData, id: string): readonly number[] {
  return MetricDataResults?.find((result) => result.Id === id)?.Values ?? [];
}

function caller(
  load: (name: string) => unknown,
  region: string,
  service: string,
  clientName: string,
) {
  const sdk = load(`@aws-sdk/client-${service}`) as Sdk;
  // Retries are counted by the handler, not hidden in the client, and a call that hangs must leave
  // time for them. Without `throwOnRequestTimeout` the SDK only logs that the time is over, and
  // waits on.
  const requestHandler = {
    connectionTimeout: 1000,
    requestTimeout: 3000,
    throwOnRequestTimeout: true,
  };
  const client = new (member(sdk, clientName))({
    region,
    maxAttempts: 1,
    requestHandler,
  }) as Client;
  return async <Output extends object>(command: string, input: object): Promise<Output> =>
    (await client.send(new (member(sdk, command))(input))) as Output;
}

function member(sdk: Sdk, name: string): new (input: object) => object {
  const found = sdk[name];
  if (found === undefined)
    throw new Error(`The AWS SDK of this runtime has no ${name}. Use a newer runtime.`);
  return found;
}
