import { Duration, Lazy, Stack, Token } from 'aws-cdk-lib';
import * as autoscaling from 'aws-cdk-lib/aws-autoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { isWholeNumber, pgbouncerRules, type Rule } from '../../../model/rules';
import {
  connectionsPerPooler,
  entriesOfBusiestHost,
  type PgbouncerDatabase,
  type PgbouncerFigures,
  pgbouncerIni,
  pgbouncerOpenFiles,
  withDefaults,
} from '../../../tools/postgres';
import {
  acknowledge,
  acknowledgeDefaultPolicy,
  allowSessions,
  checkKnown,
  checkRule,
  fleetTemplate,
  isProtected,
  type LoggedProps,
  loggedGroup,
  type ProtectedProps,
} from '../../house-rules';
import type { DatabaseEndpoint, IConnectionPooler } from '../interfaces';
import { type POOLER_METRICS, POOLER_NAMESPACE, POOLER_PATHS, poolerBootScript } from './boot';

/** The version of PgBouncer in Debian 13. */
const PGBOUNCER_VERSION = '1.24';

/** PgBouncer's own port on the instances. */
const POOLER_PORT = 6432;

/** How long CloudFormation waits for the instances when it creates the fleet. */
const CREATION_TIMEOUT = Duration.minutes(15);

/**
 * How long a new pooler serves before an old one goes. It is longer than an old one drains, so that
 * at most one pooler drains at a time.
 */
const WARMUP = Duration.minutes(3);

/**
 * The log of PgBouncer and the reports of the poolers are kept for three months by default.
 * Deletion protection is that of the load balancer.
 */
export interface ConnectionPoolerProps extends LoggedProps, ProtectedProps {
  readonly vpc: ec2.IVpc;

  /**
   * The subnets of the load balancer and the instances, in at least two zones. The instances need
   * egress to Debian's mirrors, S3, Amazon's trust store and the AWS services.
   *
   * @default - the private subnets with egress
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * The servers that the poolers connect to, by the database name that clients ask for. Allow the
   * poolers to reach them with `poolers`.
   */
  readonly databases: Readonly<Record<string, PgbouncerDatabase>>;

  /**
   * The server connections that one PostgreSQL instance has for the poolers of this region: its
   * max_connections less a reserve. It is divided by the poolers that may run at once, which are
   * two more than `instances` while one is replaced.
   */
  readonly connectionBudget: number;

  /**
   * The users: a secret of this region that holds a JSON object of SCRAM verifiers by user name,
   * each the same verifier that PostgreSQL has. Instances read it when they boot and every five
   * minutes. Users that are granted `rds_iam` cannot log in with a password.
   */
  readonly users: secretsmanager.ISecret;

  /**
   * A certificate for clients that verify the server: a secret whose JSON has `certificate`, with
   * its chain, and `privateKey`, both PEM. Instances read it when they boot.
   *
   * @default - each instance creates its own: connections are encrypted, but clients cannot verify
   * the server
   */
  readonly certificate?: secretsmanager.ISecret;

  /**
   * How the poolers verify the servers. `verify-full` requires the host of `databases` in the
   * certificate, where RDS's own endpoint names are. `verify-ca` accepts any certificate of RDS,
   * for a DNS name of your own.
   *
   * @default 'verify-full'
   */
  readonly serverIdentity?: 'verify-full' | 'verify-ca';

  /**
   * Sizes and times of each pooler. `maxDatabaseConnections` is cut to the pooler's share of the
   * budget.
   *
   * @default - see PGBOUNCER_DEFAULTS
   */
  readonly figures?: Partial<PgbouncerFigures>;

  /**
   * Parameters that clients send at log-in and that PgBouncer may ignore, beside
   * extra_float_digits. It refuses all others.
   *
   * @default - none
   */
  readonly ignoredStartupParameters?: readonly string[];

  /**
   * The number of poolers, 1 to 20. One per zone survives the loss of a zone.
   *
   * @default 3
   */
  readonly instances?: number;

  /**
   * The instance type. Its architecture selects the image. PgBouncer uses one core; the second is
   * for everything else.
   *
   * @default c7g.large
   */
  readonly instanceType?: ec2.InstanceType;

  /**
   * The port that clients connect to.
   *
   * @default 5432
   */
  readonly port?: number;

  /**
   * The age at which an instance is replaced by one with the newest packages of Debian, 1 to 365
   * days.
   *
   * @default Duration.days(14)
   */
  readonly maxInstanceLifetime?: Duration;
}

/** What another stack must know of poolers that it did not create. */
export interface ConnectionPoolerAttributes {
  /** The host name that clients connect to. */
  readonly hostname: string;
  /**
   * The port that clients connect to.
   *
   * @default 5432
   */
  readonly port?: number;
  /** The security group of the load balancer. Rules for clients are added to it. */
  readonly securityGroup: ec2.ISecurityGroup;
}

/** The same limit as in a deployment file. */
const INSTANCES = { min: 1, max: 20 };

const POOLER_COUNT: Rule<number> = {
  allows: (instances) => isWholeNumber(instances, INSTANCES),
  allowed: `${INSTANCES.min} to ${INSTANCES.max}`,
  rule: 'Each pooler takes a share of the connections of an instance, so more poolers pool less.',
  fix: 'Use one per zone.',
};

const POOLER_ZONES: Rule<readonly string[]> = {
  allows: (zones) => zones.some((zone) => Token.isUnresolved(zone)) || new Set(zones).size >= 2,
  allowed: 'in two availability zones at least',
  rule: 'If the only zone is lost, so is every connection of the region.',
  fix: 'Select subnets of further zones.',
};

const PORTS = { min: 1, max: 65_535 };

const TCP_PORT: Rule<number> = {
  allows: (port) => port >= PORTS.min && port <= PORTS.max,
  allowed: `${PORTS.min} to ${PORTS.max}`,
  rule: 'A TCP port is a number of 16 bits.',
  fix: 'Leave it out for 5432.',
};

const SOME_DATABASES: Rule<ConnectionPoolerProps['databases']> = {
  allows: (databases) => Object.keys(databases).length > 0,
  allowed: 'one entry at least',
  rule: 'PgBouncer refuses clients of a database that it does not know.',
  fix: 'Name the database, and the host of its instance or reader endpoint.',
};

/** The grants of poolers, created here or imported. */
abstract class ConnectionPoolerBase extends Construct implements IConnectionPooler {
  public abstract readonly endpoint: DatabaseEndpoint;
  public abstract readonly connections: ec2.Connections;

  public grantConnect(grantee: iam.IGrantable, credentials: secretsmanager.ISecret): iam.Grant {
    return credentials.grantRead(grantee);
  }
}

class ImportedConnectionPooler extends ConnectionPoolerBase {
  public readonly endpoint: DatabaseEndpoint;
  public readonly connections: ec2.Connections;

  constructor(scope: Construct, id: string, attributes: ConnectionPoolerAttributes) {
    super(scope, id);
    const { hostname, port = 5432, securityGroup } = attributes;
    this.endpoint = { hostname, port };
    this.connections = new ec2.Connections({
      securityGroups: [securityGroup],
      defaultPort: ec2.Port.tcp(port),
    });
  }
}

/**
 * PgBouncer in transaction mode for one region: a fleet of a fixed size behind an internal load
 * balancer.
 *
 * Clients log in with a password by SCRAM. The poolers hold verifiers, which cannot be used to log
 * in, and log in to PostgreSQL with the proof that the client sends. IAM tokens do not pass
 * through.
 *
 * All poolers together, also while one is being replaced, open no more server connections than
 * `connectionBudget`.
 *
 * @throws IsochroneError for a budget that leaves a pooler less than one pool, for fewer than two
 * zones, or for names that PgBouncer would misread
 */
export class ConnectionPooler extends ConnectionPoolerBase {
  /** Poolers that another stack or app created. */
  public static fromConnectionPoolerAttributes(
    scope: Construct,
    id: string,
    attributes: ConnectionPoolerAttributes,
  ): IConnectionPooler {
    return new ImportedConnectionPooler(scope, id, attributes);
  }

  public readonly loadBalancer: elbv2.NetworkLoadBalancer;
  public readonly targetGroup: elbv2.NetworkTargetGroup;
  public readonly autoScalingGroup: autoscaling.AutoScalingGroup;
  public readonly role: iam.Role;
  public readonly logGroup: logs.LogGroup;
  /** The load balancer's, for clients: `fleet.connections.allowToDefaultPort(pooler)`. */
  public readonly connections: ec2.Connections;
  /**
   * The instances'. Allow them to reach the databases:
   * `pooler.poolers.allowToDefaultPort(replicas)`.
   */
  public readonly poolers: ec2.Connections;
  /** Host and port for clients. */
  public readonly endpoint: DatabaseEndpoint;
  /** The figures of each pooler; `maxDatabaseConnections` is its share of the budget. */
  public readonly figures: PgbouncerFigures;

  constructor(scope: Construct, id: string, props: ConnectionPoolerProps) {
    super(scope, id);
    const instances = props.instances ?? 3;
    const port = props.port ?? 5432;
    const vpcSubnets = props.vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS };
    const deletionProtection = isProtected(props);
    this.figures = this.figuresOf(props, instances, vpcSubnets);

    const loadBalancerGroup = this.closedGroup(
      'LoadBalancerSecurityGroup',
      props.vpc,
      'Clients of the poolers',
    );
    const poolerGroup = this.closedGroup('SecurityGroup', props.vpc, 'Poolers');
    poolerGroup.addEgressRule(
      ec2.Peer.anyIpv4(),
      ec2.Port.HTTPS,
      'AWS services and packages of Debian',
    );
    this.connections = new ec2.Connections({
      securityGroups: [loadBalancerGroup],
      defaultPort: ec2.Port.tcp(port),
    });
    this.poolers = new ec2.Connections({
      securityGroups: [poolerGroup],
      defaultPort: ec2.Port.tcp(POOLER_PORT),
    });
    // Health checks use this rule too.
    this.connections.allowTo(this.poolers, ec2.Port.tcp(POOLER_PORT), 'PgBouncer');

    this.logGroup = loggedGroup(this, 'Log', {
      ...props,
      defaultRetention: logs.RetentionDays.THREE_MONTHS,
    });
    this.role = this.createRole(props);
    this.autoScalingGroup = this.createFleet(props, instances, vpcSubnets, poolerGroup);

    this.loadBalancer = new elbv2.NetworkLoadBalancer(this, 'LoadBalancer', {
      vpc: props.vpc,
      vpcSubnets,
      internetFacing: false,
      securityGroups: [loadBalancerGroup],
      // A zone without a pooler is served by the others.
      crossZoneEnabled: true,
      deletionProtection,
    });
    this.targetGroup = new elbv2.NetworkTargetGroup(this, 'Targets', {
      vpc: props.vpc,
      targetType: elbv2.TargetType.INSTANCE,
      protocol: elbv2.Protocol.TCP,
      port: POOLER_PORT,
      targets: [this.autoScalingGroup],
      // PgBouncer's log and console then show the client, not the load balancer.
      preserveClientIp: true,
      deregistrationDelay: Duration.minutes(1),
      // Clients that are still connected by then notice at once, and connect again.
      connectionTermination: true,
      healthCheck: {
        protocol: elbv2.Protocol.TCP,
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 2,
      },
    });
    const listener = this.loadBalancer.addListener('Clients', {
      port,
      protocol: elbv2.Protocol.TCP,
      defaultTargetGroups: [this.targetGroup],
    });
    acknowledge(
      listener,
      'PostgreSQL asks for TLS inside its own protocol, which a TLS listener does not speak. The ' +
        'connection passes through, and PgBouncer refuses clients that do not encrypt ' +
        '(`client_tls_sslmode = require`).',
      'NIST.800.53.R5-ELBv2ACMCertificateRequired',
      'PCI.DSS.321-ELBv2ACMCertificateRequired',
    );
    this.endpoint = { hostname: this.loadBalancer.loadBalancerDnsName, port };
    this.acknowledgeLoadBalancer(deletionProtection);
  }

  /**
   * A metric of all poolers together, or of one database: see POOLER_METRICS. Every pooler reports
   * once a minute, so the sum of a minute is the region's. `LongestWait` is a maximum.
   */
  public metric(
    name: keyof typeof POOLER_METRICS,
    props: cloudwatch.MetricOptions & { readonly database?: string } = {},
  ): cloudwatch.Metric {
    const { database, ...options } = props;
    return new cloudwatch.Metric({
      namespace: POOLER_NAMESPACE,
      metricName: name,
      dimensionsMap: {
        Pooler: this.node.path,
        ...(database === undefined ? {} : { Database: database }),
      },
      statistic: name === 'LongestWait' ? cloudwatch.Stats.MAXIMUM : cloudwatch.Stats.SUM,
      period: Duration.minutes(1),
      ...options,
    });
  }

  /** Clients that a server connection is assigned to. Sum over 1 minute by default. */
  public metricClientsActive(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ClientsActive', options);
  }

  /** Clients that wait for a server connection. Sum over 1 minute by default. */
  public metricClientsWaiting(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ClientsWaiting', options);
  }

  /** Seconds that a client has waited for a server connection. Maximum over 1 minute by default. */
  public metricLongestWait(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('LongestWait', options);
  }

  /** Open server connections. Sum over 1 minute by default. */
  public metricServerConnections(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerConnections', options);
  }

  /** Checks the props, and cuts the figures to the pooler's share of the budget. */
  private figuresOf(
    props: ConnectionPoolerProps,
    instances: number,
    vpcSubnets: ec2.SubnetSelection,
  ): PgbouncerFigures {
    const { databases, connectionBudget } = props;
    const figures = withDefaults(props.figures);
    checkKnown(this, 'instances', POOLER_COUNT, instances, undefined);
    const zones = props.vpc.selectSubnets(vpcSubnets).availabilityZones;
    checkRule(this, 'vpcSubnets', POOLER_ZONES, zones);
    if (props.port !== undefined) checkRule(this, 'port', TCP_PORT, props.port);
    checkRule(this, 'databases', SOME_DATABASES, databases);
    checkKnown(this, 'connectionBudget', pgbouncerRules.BUDGET_OF_POOLERS, connectionBudget, {
      poolers: instances,
      databasesPerInstance: entriesOfBusiestHost(databases),
      ...figures,
    });
    const share = connectionsPerPooler({
      connections: connectionBudget,
      poolers: instances,
      databases,
    });
    return { ...figures, maxDatabaseConnections: Math.min(figures.maxDatabaseConnections, share) };
  }

  /**
   * A role that may read the secrets, write the log, signal CloudFormation, and be logged in to.
   */
  private createRole(props: ConnectionPoolerProps): iam.Role {
    const role = new iam.Role(this, 'Role', {
      description: `The poolers of ${this.node.path}.`,
      assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
    });
    acknowledgeDefaultPolicy(role, 'the poolers', 'their');
    props.users.grantRead(role);
    props.certificate?.grantRead(role);
    this.logGroup.grantWrite(role);
    role.addToPolicy(
      new iam.PolicyStatement({
        actions: ['cloudformation:SignalResource'],
        resources: [Stack.of(this).stackId],
      }),
    );
    allowSessions(this, role);
    return role;
  }

  private closedGroup(id: string, vpc: ec2.IVpc, what: string): ec2.SecurityGroup {
    return new ec2.SecurityGroup(this, id, {
      vpc,
      description: `${what} at ${this.node.path}.`,
      allowAllOutbound: false,
    });
  }

  private createFleet(
    props: ConnectionPoolerProps,
    instances: number,
    vpcSubnets: ec2.SubnetSelection,
    securityGroup: ec2.SecurityGroup,
  ): autoscaling.AutoScalingGroup {
    const stack = Stack.of(this);
    const instanceType = props.instanceType ?? new ec2.InstanceType('c7g.large');
    const architecture =
      instanceType.architecture === ec2.InstanceArchitecture.ARM_64 ? 'arm64' : 'amd64';
    const userData = poolerBootScript({
      region: stack.region,
      architecture,
      ini: poolerIni(props, this.figures),
      openFiles: pgbouncerOpenFiles(Object.keys(props.databases).length, this.figures),
      port: POOLER_PORT,
      usersSecret: props.users.secretArn,
      certificateSecret: props.certificate?.secretArn,
      logGroupName: this.logGroup.logGroupName,
      poolerName: this.node.path,
      stackName: stack.stackName,
      groupLogicalId: Lazy.string({
        produce: () =>
          stack.getLogicalId(group.node.defaultChild as autoscaling.CfnAutoScalingGroup),
      }),
    });
    const launchTemplate = fleetTemplate(this, 'LaunchTemplate', {
      // Debian's parameter, resolved at each deployment: "Amazon EC2 images", wiki.debian.org.
      machineImage: ec2.MachineImage.fromSsmParameter(
        `/aws/service/debian/release/13/latest/${architecture}`,
        { userData },
      ),
      instanceType,
      role: this.role,
      securityGroup,
      userData,
      diskGiB: 8,
    });
    const group = new autoscaling.AutoScalingGroup(this, 'Group', {
      vpc: props.vpc,
      vpcSubnets,
      launchTemplate,
      minCapacity: instances,
      maxCapacity: instances,
      healthChecks: autoscaling.HealthChecks.withAdditionalChecks({
        additionalTypes: [autoscaling.AdditionalHealthCheckType.ELB],
        gracePeriod: Duration.minutes(5),
      }),
      defaultInstanceWarmup: WARMUP,
      maxInstanceLifetime: props.maxInstanceLifetime ?? Duration.days(14),
      // A new pooler serves before an old one goes, and only one is replaced at a time: the budget
      // is divided accordingly.
      minHealthyPercentage: 100,
      maxHealthyPercentage: 100 + Math.floor(100 / instances),
      groupMetrics: [autoscaling.GroupMetrics.all()],
      signals: autoscaling.Signals.waitForMinCapacity({ timeout: CREATION_TIMEOUT }),
      updatePolicy: autoscaling.UpdatePolicy.instanceRefresh({
        strategy: autoscaling.InstanceRefreshStrategy.ROLLING,
        instanceWarmup: WARMUP,
      }),
    });
    // The instances use the role while they boot.
    group.node.addDependency(this.role);
    acknowledge(
      group,
      'The signals are for the creation of the group only. An instance refresh does not wait for ' +
        'them: it goes by the health checks of the load balancer.',
      'Annotation::@aws-cdk/aws-autoscaling:signalsNotUsedByInstanceRefresh',
    );
    acknowledge(
      group,
      'The group has a fixed size. Replacements stay in its activity history and on EventBridge, ' +
        'and the poolers report what they serve every minute.',
      'AwsSolutions-AS3',
    );
    return group;
  }

  private acknowledgeLoadBalancer(deletionProtection: boolean): void {
    acknowledge(
      this.loadBalancer,
      'Network Load Balancers log only connections whose TLS they end, and these pass through to ' +
        'PgBouncer. The flow logs of the VPC have every connection, and PgBouncer logs what it ' +
        'refuses.',
      'AwsSolutions-ELB2',
      'NIST.800.53.R5-ELBLoggingEnabled',
      'PCI.DSS.321-ELBLoggingEnabled',
    );
    if (!deletionProtection) {
      acknowledge(
        this.loadBalancer,
        'The owner turned deletion protection off (`deletionProtection` or `removalPolicy: ' +
          'DESTROY`), for a sandbox or because the stack itself is protected. A load balancer ' +
          'holds no data.',
        'NIST.800.53.R5-ELBDeletionProtectionEnabled',
      );
    }
  }
}

/** The pgbouncer.ini of every instance. */
function poolerIni(props: ConnectionPoolerProps, figures: PgbouncerFigures): string {
  return pgbouncerIni({
    version: PGBOUNCER_VERSION,
    databases: props.databases,
    figures,
    listenAddress: '0.0.0.0',
    listenPort: POOLER_PORT,
    socketDirectory: POOLER_PATHS.socketDirectory,
    authFile: POOLER_PATHS.users,
    clientTls: { certificateFile: POOLER_PATHS.certificate, keyFile: POOLER_PATHS.key },
    serverTls: {
      mode: props.serverIdentity ?? 'verify-full',
      authoritiesFile: POOLER_PATHS.authorities,
    },
    ignoredStartupParameters: props.ignoredStartupParameters,
  });
}
