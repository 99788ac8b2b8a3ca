import { Duration } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { isWholeNumber, type Rule } from '../../../model/rules';
import {
  acknowledgeDefaultPolicy,
  checkDuration,
  checkRule,
  type IsolatedProps,
  isolatedSubnets,
  type LoggedProps,
  loggedGroup,
} from '../../house-rules';
import type { DatabaseEndpoint } from '../interfaces';
import { checkIdentifier } from './instance';

/** "ConnectionPoolConfiguration" and "CreateDBProxy", Amazon RDS API reference. */
const BORROW_TIMEOUT_SECONDS = { min: 0, max: 300 };
const IDLE_CLIENT_TIMEOUT_SECONDS = { min: 1, max: 28_800 };

/** A time of RDS Proxy in seconds, given its bounds. */
const PROXY_SECONDS: Rule<number, { readonly min: number; readonly max: number }> = {
  allows: isWholeNumber,
  allowed: (_, { min, max }) => `${min} to ${max} whole seconds`,
  rule: 'The API of RDS Proxy limits this time.',
  fix: 'Leave it out for the default.',
};

const CONNECTIONS_PERCENT: Rule<number> = {
  allows: (percent) => isWholeNumber(percent, { min: 1, max: 100 }),
  allowed: '1 to 100, whole',
  rule: 'It is a percentage of max_connections.',
  fix: 'Leave it out for 50; migrations, monitoring and people connect past the proxy.',
};

/** The path of the writer, given whether it follows another instance. */
const PROXY_TARGET: Rule<string, { readonly isReplica: boolean }> = {
  allows: (_, { isReplica }) => !isReplica,
  allowed: 'the primary, not a read replica',
  rule:
    'RDS Proxy fronts only the writer of RDS for PostgreSQL ("Quotas and limitations for RDS ' +
    'Proxy", Amazon RDS user guide).',
  fix: 'Use `ConnectionPooler` for the replicas.',
};

/** The users of a proxy: names that log in by IAM, and paths of secrets. */
const PROXY_USERS: Rule<readonly string[]> = {
  allows: (users) => users.length > 0,
  allowed: 'one user at least, in one of them',
  rule: 'RDS Proxy accepts only users for which it can log in to PostgreSQL.',
  fix: "Use `iamUsers: ['orders_app']` for users that are granted rds_iam.",
};

/**
 * The proxy is in at least two zones of the VPC of the instance. Its log is kept for three months
 * by default.
 */
export interface WriterProxyProps extends IsolatedProps, LoggedProps {
  /** The instance that takes the writes. RDS Proxy cannot front read replicas. */
  readonly writer: rds.IDatabaseInstance;

  /**
   * The security groups and the port of the writer: `primary.connections`. They get a rule that
   * lets the proxy in.
   */
  readonly writerConnections: ec2.Connections;

  /**
   * The proxy's name: at most 60 lower-case letters, digits and hyphens. Changing it replaces the
   * proxy.
   */
  readonly proxyName: string;

  /**
   * Users that log in by IAM, with tokens. The proxy logs in to PostgreSQL by IAM as well, so there
   * is no password. Grant them `rds_iam`.
   *
   * @default - none; then `secrets` are required
   */
  readonly iamUsers?: readonly string[];

  /**
   * Users that log in with a password by SCRAM: secrets with `username` and `password`. The proxy
   * logs in to PostgreSQL with the same password.
   *
   * @default - none; then `iamUsers` are required
   */
  readonly secrets?: readonly secretsmanager.ISecret[];

  /**
   * The share of max_connections that the proxy may take, in percent, 1 to 100. The rest is for
   * clients that connect past it.
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
   * How long a client may be idle before the proxy disconnects it, up to 8 hours.
   *
   * @default Duration.minutes(30)
   */
  readonly idleClientTimeout?: Duration;
}

/**
 * RDS Proxy in front of the writer: nothing to patch, and clients stay connected while the standby
 * takes over. It accepts TLS only.
 *
 * It pins a client to its connection for session state and for statements over 16 KB: "Avoiding
 * pinning an RDS Proxy", Amazon RDS user guide. Where that happens often, use
 * {@link ConnectionPooler}.
 *
 * @throws IsochroneError for a read replica, for a proxy without users, or for a share or a time
 * that RDS does not accept
 */
export class WriterProxy extends Construct implements ec2.IConnectable {
  public readonly proxy: rds.DatabaseProxy;
  /** Where clients connect: `fleet.connections.allowToDefaultPort(proxy)`. */
  public readonly connections: ec2.Connections;
  public readonly logGroup: logs.LogGroup;
  /** Host and port for clients. RDS Proxy for PostgreSQL always listens on 5432. */
  public readonly endpoint: DatabaseEndpoint;

  constructor(scope: Construct, id: string, props: WriterProxyProps) {
    super(scope, id);
    const iamUsers = props.iamUsers ?? [];
    const secrets = props.secrets ?? [];
    const maxConnectionsPercent = props.maxConnectionsPercent ?? 50;
    const borrowTimeout = props.borrowTimeout ?? Duration.seconds(10);
    const idleClientTimeout = props.idleClientTimeout ?? Duration.minutes(30);
    checkIdentifier(this, 'proxyName', props.proxyName, '-RDS');
    checkRule(this, 'writer', PROXY_TARGET, props.writer.node.path, {
      isReplica: isReplica(props.writer),
    });
    checkRule(this, 'iamUsers and secrets', PROXY_USERS, [
      ...iamUsers,
      ...secrets.map(({ node }) => node.path),
    ]);
    checkRule(this, 'maxConnectionsPercent', CONNECTIONS_PERCENT, maxConnectionsPercent);
    const times = {
      borrowTimeout: [borrowTimeout, BORROW_TIMEOUT_SECONDS],
      idleClientTimeout: [idleClientTimeout, IDLE_CLIENT_TIMEOUT_SECONDS],
    } as const;
    for (const [property, [duration, bounds]] of Object.entries(times))
      checkDuration(this, property, PROXY_SECONDS, duration, 'seconds', bounds);

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
    // RDS writes to a group of this name. If it did not exist, RDS would create it without a
    // retention.
    this.logGroup = loggedGroup(this, 'Log', {
      ...props,
      logGroupName: `/aws/rds/proxy/${props.proxyName}`,
      defaultRetention: logs.RetentionDays.THREE_MONTHS,
    });

    const role = new iam.Role(this, 'Role', {
      description: `RDS Proxy at ${this.node.path}.`,
      assumedBy: new iam.ServicePrincipal('rds.amazonaws.com'),
    });
    acknowledgeDefaultPolicy(role, 'the proxy', 'its');
    for (const user of iamUsers) props.writer.grantConnect(role, user);

    this.proxy = new rds.DatabaseProxy(this, 'Proxy', {
      proxyTarget: rds.ProxyTarget.fromInstance(
        // Without security groups. With them, CDK would add a rule with a port that is only known
        // at deployment, which rule packs cannot judge.
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
      vpcSubnets: isolatedSubnets(props),
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
      // Debug logging would log the text of statements.
      debugLogging: false,
    });
    this.proxy.node.addDependency(this.logGroup, role);
    this.endpoint = { hostname: this.proxy.endpoint, port: 5432 };
  }

  /** Lets a role log in by IAM as one of the users. */
  public grantConnect(grantee: iam.IGrantable, user: string): iam.Grant {
    return this.proxy.grantConnect(grantee, user);
  }
}

/** Whether an instance follows another one, whichever construct created it. */
function isReplica(instance: rds.IDatabaseInstance): boolean {
  const resource = instance.node.defaultChild;
  return (
    instance instanceof rds.DatabaseInstanceReadReplica ||
    (resource instanceof rds.CfnDBInstance && resource.sourceDbInstanceIdentifier !== undefined)
  );
}
