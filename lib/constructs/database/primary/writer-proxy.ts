import { Duration, RemovalPolicy, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { invalidValue } from '../../../model/errors';
import { acknowledge, keptLogGroup } from '../../house-rules';
import { checkIdentifier } from './postgres-instance';

/** "ConnectionPoolConfiguration" and "CreateDBProxy", Amazon RDS API reference. */
const BORROW_TIMEOUT_SECONDS = { min: 0, max: 300 };
const IDLE_CLIENT_TIMEOUT_SECONDS = { min: 1, max: 28_800 };

export interface WriterProxyProps {
  readonly vpc: ec2.IVpc;

  /**
   * Where the proxy is placed: subnets in two zones at least, in the VPC of the instance.
   *
   * @default - the isolated subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /** The instance that takes the writes. RDS Proxy fronts no read replicas. */
  readonly writer: rds.IDatabaseInstance;

  /**
   * The security groups of the writer, with its port: `primary.connections`. They let the proxy in.
   */
  readonly writerConnections: ec2.Connections;

  /**
   * The proxy's name. Another one replaces it. Lower-case letters, digits and hyphens, at most 60.
   */
  readonly proxyName: string;

  /**
   * Users that log in by IAM, with tokens. The proxy logs in to PostgreSQL by IAM as well: nobody
   * holds a password. Grant them `rds_iam`.
   *
   * @default - none; then `secrets` are required
   */
  readonly iamUsers?: readonly string[];

  /**
   * Users that log in with a password by SCRAM: secrets with `username` and `password`, of which
   * the proxy takes the password that it logs in to PostgreSQL with.
   *
   * @default - none; then `iamUsers` are required
   */
  readonly secrets?: readonly secretsmanager.ISecret[];

  /**
   * How much of max_connections the proxy may take, in percent, 1 to 100. What else connects past
   * it needs the rest.
   *
   * @default 50
   */
  readonly maxConnectionsPercent?: number;

  /**
   * How long a client waits for a connection, up to 5 minutes.
   *
   * @default Duration.seconds(10)
   */
  readonly borrowTimeout?: Duration;

  /**
   * How long a client may be silent before the proxy disconnects it, up to 8 hours.
   *
   * @default Duration.minutes(30)
   */
  readonly idleClientTimeout?: Duration;

  /**
   * How long the proxy's log is kept.
   *
   * @default RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * A key of this region for the log. A key of this app is told to let CloudWatch Logs use it; an
   * imported one must do so already.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;

  /**
   * What happens to the log when it leaves the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * RDS Proxy in front of the writer: nothing to patch, and clients stay connected while the standby
 * takes over. TLS only.
 *
 * It pins a client to its connection for session state, and for statements over 16 KB: "Avoiding
 * pinning an RDS Proxy", Amazon RDS user guide. Where that happens often, use {@link
 * ConnectionPooler}.
 *
 * @throws IsochroneError for a read replica, for nobody who could log in, or for a share or a time
 * that RDS does not take
 */
export class WriterProxy extends Construct implements ec2.IConnectable {
  public readonly proxy: rds.DatabaseProxy;
  /** Where clients connect: `fleet.connections.allowToDefaultPort(proxy)`. */
  public readonly connections: ec2.Connections;
  public readonly logGroup: logs.LogGroup;
  /** Host and port for clients. The port of RDS Proxy for PostgreSQL is always this one. */
  public readonly endpoint: { readonly hostname: string; readonly port: number };

  constructor(scope: Construct, id: string, props: WriterProxyProps) {
    super(scope, id);
    const iamUsers = props.iamUsers ?? [];
    const secrets = props.secrets ?? [];
    const maxConnectionsPercent = props.maxConnectionsPercent ?? 50;
    const borrowTimeout = props.borrowTimeout ?? Duration.seconds(10);
    const idleClientTimeout = props.idleClientTimeout ?? Duration.minutes(30);
    checkIdentifier(this, 'proxyName', props.proxyName, '-RDS');
    this.checkWriter(props.writer);
    this.checkUsers(iamUsers, secrets);
    this.checkShare(maxConnectionsPercent);
    this.checkSeconds('borrowTimeout', borrowTimeout, BORROW_TIMEOUT_SECONDS);
    this.checkSeconds('idleClientTimeout', idleClientTimeout, IDLE_CLIENT_TIMEOUT_SECONDS);

    const securityGroup = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc: props.vpc,
      description: `RDS Proxy at ${this.node.path}.`,
      allowAllOutbound: false,
    });
    this.connections = new ec2.Connections({
      securityGroups: [securityGroup],
      defaultPort: ec2.Port.POSTGRES,
    });
    this.connections.allowToDefaultPort(props.writerConnections, 'PostgreSQL');
    // RDS writes to a group of this name, and would otherwise make it itself, without a retention.
    this.logGroup = keptLogGroup(this, 'Log', {
      logGroupName: `/aws/rds/proxy/${props.proxyName}`,
      retention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      encryptionKey: props.logEncryptionKey,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    });

    const role = new iam.Role(this, 'Role', {
      description: `RDS Proxy at ${this.node.path}.`,
      assumedBy: new iam.ServicePrincipal('rds.amazonaws.com'),
    });
    acknowledge(
      role,
      'What is granted to the proxy stands in the default policy of its role, one policy per role as CDK writes it. It serves this role only, and goes with it.',
      'NIST.800.53.R5-IAMNoInlinePolicy',
      'PCI.DSS.321-IAMNoInlinePolicy',
    );
    for (const user of iamUsers) props.writer.grantConnect(role, user);

    this.proxy = new rds.DatabaseProxy(this, 'Proxy', {
      proxyTarget: rds.ProxyTarget.fromInstance(
        // Without security groups: CDK would let the proxy in by a port that is only known at
        // deployment, which rule packs cannot judge.
        rds.DatabaseInstance.fromDatabaseInstanceAttributes(this, 'Writer', {
          instanceIdentifier: props.writer.instanceIdentifier,
          instanceEndpointAddress: props.writer.dbInstanceEndpointAddress,
          port: 5432,
          securityGroups: [],
          engine: rds.DatabaseInstanceEngine.POSTGRES,
        }),
      ),
      dbProxyName: props.proxyName,
      vpc: props.vpc,
      vpcSubnets: props.vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      securityGroups: [securityGroup],
      role,
      defaultAuthScheme:
        iamUsers.length > 0 ? rds.DefaultAuthScheme.IAM_AUTH : rds.DefaultAuthScheme.NONE,
      secrets: secrets.length > 0 ? [...secrets] : undefined,
      clientPasswordAuthType:
        secrets.length > 0 ? rds.ClientPasswordAuthType.POSTGRES_SCRAM_SHA_256 : undefined,
      requireTLS: true,
      maxConnectionsPercent,
      maxIdleConnectionsPercent: Math.floor(maxConnectionsPercent / 2),
      borrowTimeout,
      idleClientTimeout,
      // It would log the text of statements.
      debugLogging: false,
    });
    this.proxy.node.addDependency(this.logGroup, role);
    this.endpoint = { hostname: this.proxy.endpoint, port: 5432 };
  }

  /** Lets somebody log in by IAM as one of the users. */
  public grantConnect(grantee: iam.IGrantable, user: string): iam.Grant {
    return this.proxy.grantConnect(grantee, user);
  }

  private checkWriter(writer: rds.IDatabaseInstance): void {
    const resource = writer.node.defaultChild;
    const follows =
      resource instanceof rds.CfnDBInstance ? resource.sourceDbInstanceIdentifier : undefined;
    if (!(writer instanceof rds.DatabaseInstanceReadReplica) && follows === undefined) return;
    throw invalidValue(this, {
      property: 'writer',
      value: writer.node.path,
      allowed: 'the primary, not a read replica',
      rule: 'RDS Proxy takes the writer of RDS for PostgreSQL only; it cannot stand in front of read replicas ("Quotas and limitations for RDS Proxy", Amazon RDS user guide).',
      fix: 'Use `ConnectionPooler` for the replicas.',
    });
  }

  private checkUsers(
    iamUsers: readonly string[],
    secrets: readonly secretsmanager.ISecret[],
  ): void {
    if (iamUsers.length + secrets.length > 0) return;
    throw invalidValue(this, {
      property: 'iamUsers and secrets',
      value: [],
      allowed: 'one user at least, in one of them',
      rule: 'RDS Proxy lets in only whom it can log in to PostgreSQL as.',
      fix: "Use `iamUsers: ['orders_app']` for users that are granted rds_iam.",
    });
  }

  private checkShare(percent: number): void {
    if (
      Token.isUnresolved(percent) ||
      (Number.isInteger(percent) && percent >= 1 && percent <= 100)
    )
      return;
    throw invalidValue(this, {
      property: 'maxConnectionsPercent',
      value: percent,
      allowed: '1 to 100, whole',
      rule: 'It is a share of max_connections.',
      fix: 'Leave it out for 50; migrations, monitoring and people connect past the proxy.',
    });
  }

  private checkSeconds(
    property: string,
    duration: Duration,
    { min, max }: { readonly min: number; readonly max: number },
  ): void {
    if (duration.isUnresolved()) return;
    const seconds = duration.toSeconds({ integral: false });
    if (Number.isInteger(seconds) && seconds >= min && seconds <= max) return;
    throw invalidValue(this, {
      property,
      value: `${seconds} s`,
      allowed: `${min} to ${max} whole seconds`,
      rule: 'RDS Proxy takes no other.',
      fix: 'Leave it out for the default.',
    });
  }
}
