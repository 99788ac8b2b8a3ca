import { ArnFormat, Stack, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { CacheEndpoint, IRegionalCache } from './interfaces';

/**
 * The port of every cache. Changing it would replace the cache, and behind a closed security group
 * another number hides nothing.
 */
export const CACHE_PORT = 6379;

/** The grants and metrics of a cache, whether created here or imported. */
export abstract class CacheBase extends Construct implements IRegionalCache {
  public abstract readonly replicationGroupId: string;
  public abstract readonly configurationEndpoint: CacheEndpoint;
  public abstract readonly userName: string;
  public abstract readonly connections: ec2.Connections;

  public grantConnect(grantee: iam.IGrantable): iam.Grant {
    const arnOf = (resource: string, resourceName: string) =>
      Stack.of(this).formatArn({
        service: 'elasticache',
        resource,
        resourceName,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['elasticache:Connect'],
      resourceArns: [
        arnOf('replicationgroup', this.replicationGroupId),
        arnOf('user', this.userName),
      ],
    });
  }

  public metric(metricName: string, props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metricOf(metricName, { ReplicationGroupId: this.metricId, Role: 'Primary' }, props);
  }

  public metricNode(
    metricName: string,
    shard: number,
    node: number,
    props?: cloudwatch.MetricOptions,
  ): cloudwatch.Metric {
    const number = (value: number, digits: number) => String(value).padStart(digits, '0');
    const CacheClusterId = `${this.metricId}-${number(shard, 4)}-${number(node, 3)}`;
    return this.metricOf(metricName, { CacheClusterId }, props);
  }

  public metricEngineCpu(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('EngineCPUUtilization', props);
  }

  /** ElastiCache stores ids in lower case, and the dimensions of a metric are case-sensitive. */
  private get metricId(): string {
    const id = this.replicationGroupId;
    return Token.isUnresolved(id) ? id : id.toLowerCase();
  }

  private metricOf(
    metricName: string,
    dimensionsMap: cloudwatch.DimensionsMap,
    props?: cloudwatch.MetricOptions,
  ): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: 'AWS/ElastiCache',
      metricName,
      dimensionsMap,
      ...props,
    }).attachTo(this);
  }
}
