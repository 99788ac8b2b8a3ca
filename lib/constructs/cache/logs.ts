import type { RemovalPolicy } from 'aws-cdk-lib';
import type * as elasticache from 'aws-cdk-lib/aws-elasticache';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { keptLogGroup } from '../house-rules';

export interface CacheLogsProps {
  readonly retention: logs.RetentionDays | undefined;
  readonly encryptionKey: kms.IKey;
  readonly removalPolicy: RemovalPolicy;
}

/** The slow log and the engine log of a cache as JSON, each in a log group of its own. */
export function cacheLogs(
  scope: Construct,
  props: CacheLogsProps,
): elasticache.CfnReplicationGroup.LogDeliveryConfigurationRequestProperty[] {
  const delivery = (logType: 'slow-log' | 'engine-log', id: string) => {
    const logGroup = keptLogGroup(scope, id, {
      retention: props.retention ?? logs.RetentionDays.THREE_MONTHS,
      encryptionKey: props.encryptionKey,
      removalPolicy: props.removalPolicy,
    });
    return {
      destinationType: 'cloudwatch-logs',
      destinationDetails: { cloudWatchLogsDetails: { logGroup: logGroup.logGroupName } },
      logFormat: 'json',
      logType,
    };
  };
  return [delivery('slow-log', 'SlowLog'), delivery('engine-log', 'EngineLog')];
}
