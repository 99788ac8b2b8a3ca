import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as route53 from 'aws-cdk-lib/aws-route53';
import { LoadBalancerTarget } from 'aws-cdk-lib/aws-route53-targets';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { ConnectionPooler } from '../constructs/database';
import { pooledDatabases } from '../model/config';
import type { DatabaseStack } from './database-stack';
import { RegionStack, type RegionStackProps, regionSettings } from './region-stack';

export interface PoolerStackProps extends RegionStackProps {
  readonly vpc: ec2.IVpc;
  readonly key: kms.IKey;
  readonly database: DatabaseStack;
}

/**
 * PgBouncer in front of a region's PostgreSQL, under a private DNS name that is the same in every
 * region. It has no state: it can be deleted and created again.
 */
export class PoolerStack extends RegionStack {
  public readonly pooler: ConnectionPooler;

  constructor(scope: Construct, id: string, props: PoolerStackProps) {
    super(scope, id, props, { description: 'PgBouncer' });
    const { parameters, pooling, databaseName } = this.deployment.database;
    const { primary, replicas, readers } = props.database;
    const readHost = readers?.name ?? primary?.instance.dbInstanceEndpointAddress;
    // Outside the primary region, the hub. It refuses writes until a promotion makes it the writer,
    // after which no deployment is needed.
    const writeHost = (primary?.instance ?? replicas?.hub)?.dbInstanceEndpointAddress;
    if (readHost === undefined || writeHost === undefined)
      throw new Error(`${props.region} has no database; config checks that.`);
    const names = pooledDatabases(databaseName);

    this.pooler = new ConnectionPooler(this, 'Pooler', {
      vpc: props.vpc,
      databases: {
        [names.read]: { host: readHost, databaseName },
        [names.write]: { host: writeHost, databaseName },
      },
      // The readers' name can also lead to the writer, as a replica or as the fallback: both pools
      // may be open on one instance. The construct divides the budget between entries of one host.
      connectionBudget: Math.floor(
        (parameters.maxConnections - parameters.reservedConnections) /
          new Set([readHost, writeHost]).size,
      ),
      users: secretsmanager.Secret.fromSecretNameV2(this, 'Users', this.names.poolerUsers),
      // No certificate of RDS contains the readers' name. Security groups limit the poolers to this
      // region's instances.
      serverIdentity: readers ? 'verify-ca' : 'verify-full',
      figures: pooling,
      instances: regionSettings(props).poolers,
      logEncryptionKey: props.key,
      removalPolicy: this.removalPolicy,
      // The stack is protected instead: a protected load balancer would prevent the rollback of a
      // failed first deployment.
      deletionProtection: false,
    });
    // A grant of the secret with its key would change the key's policy, which belongs to a stack
    // that this one depends on.
    this.pooler.role.addToPolicy(
      new iam.PolicyStatement({
        actions: ['kms:Decrypt'],
        resources: [props.key.keyArn],
        conditions: {
          StringEquals: { 'kms:ViaService': `secretsmanager.${props.region}.amazonaws.com` },
        },
      }),
    );
    // Replicas first: a promoted hub shares their group, whose existing rule must not be replaced.
    if (replicas) this.pooler.poolers.allowToDefaultPort(replicas, 'PostgreSQL replicas');
    if (primary) this.pooler.poolers.allowToDefaultPort(primary, 'PostgreSQL primary');

    // A hosted zone of this one name: the zone of the readers belongs to another stack, and does
    // not exist without replicas.
    new route53.ARecord(this, 'Record', {
      zone: new route53.PrivateHostedZone(this, 'Zone', {
        vpc: props.vpc,
        zoneName: this.names.poolers,
      }),
      target: route53.RecordTarget.fromAlias(new LoadBalancerTarget(this.pooler.loadBalancer)),
    });
  }
}
