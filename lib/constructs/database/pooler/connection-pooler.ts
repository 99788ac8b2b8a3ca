import { Duration, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as autoscaling from 'aws-cdk-lib/aws-autoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import {
  connectionsPerPooler,
  type PgbouncerFigures,
  pgbouncerOpenFiles,
  withDefaults,
} from '../../../tools/postgres';
import { acknowledge, fleetTemplate, keptLogGroup } from '../../house-rules';
import { type POOLER_METRICS, POOLER_NAMESPACE, poolerBootScript } from './boot';
import { checkPooler } from './checks';
import { POOLER_PORT, poolerIni } from './ini';
import type { ConnectionPoolerProps } from './props';
import { poolerRole } from './role';

/**
 * How long instances may take to come up when the fleet is created, before CloudFormation gives up.
 */
const CREATION_TIMEOUT = Duration.minutes(15);

/**
 * How long a new pooler serves before an old one goes: longer than an old one drains, so that at
 * most one does.
 */
const WARMUP = Duration.minutes(3);

/**
 * PgBouncer in transaction mode for one region: a fleet of a fixed size behind an internal load
 * balancer.
 *
 * Clients log in with a password by SCRAM. The poolers hold verifiers, which are no passwords, and
 * log in to PostgreSQL with what the client proves. IAM tokens do not pass through.
 *
 * All poolers together, also while one is being replaced, open no more server connections than
 * `connectionBudget`.
 *
 * @throws IsochroneError for a budget that leaves a pooler less than one pool, for fewer than two
 * zones, or for names that PgBouncer would misread
 */
export class ConnectionPooler extends Construct implements ec2.IConnectable {
  public readonly loadBalancer: elbv2.NetworkLoadBalancer;
  public readonly targetGroup: elbv2.NetworkTargetGroup;
  public readonly autoScalingGroup: autoscaling.AutoScalingGroup;
  public readonly role: iam.Role;
  public readonly logGroup: logs.LogGroup;
  /** Where clients connect: `fleet.connections.allowToDefaultPort(pooler)`. */
  public readonly connections: ec2.Connections;
  /** The instances. Let them into the databases: `pooler.poolers.allowToDefaultPort(replicas)`. */
  public readonly poolers: ec2.Connections;
  /** Host and port for clients. */
  public readonly endpoint: { readonly hostname: string; readonly port: number };
  /** What each pooler runs with; `maxDatabaseConnections` is its share of the budget. */
  public readonly figures: PgbouncerFigures;

  constructor(scope: Construct, id: string, props: ConnectionPoolerProps) {
    super(scope, id);
    const instances = props.instances ?? 3;
    const port = props.port ?? 5432;
    const vpcSubnets = props.vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS };
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    const deletionProtection = props.deletionProtection ?? removalPolicy !== RemovalPolicy.DESTROY;
    this.figures = checkPooler(this, props, {
      instances,
      zones: props.vpc.selectSubnets(vpcSubnets).availabilityZones,
      figures: withDefaults(props.figures),
      share: connectionsPerPooler({
        connections: props.connectionBudget,
        poolers: instances,
        databases: props.databases,
      }),
    });

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
    // Health checks come by this rule too.
    this.connections.allowTo(this.poolers, ec2.Port.tcp(POOLER_PORT), 'PgBouncer');

    this.logGroup = keptLogGroup(this, 'Log', {
      retention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      encryptionKey: props.logEncryptionKey,
      removalPolicy,
    });
    this.role = poolerRole(this, props, this.logGroup);
    this.autoScalingGroup = this.createFleet(props, instances, vpcSubnets, poolerGroup);

    this.loadBalancer = new elbv2.NetworkLoadBalancer(this, 'LoadBalancer', {
      vpc: props.vpc,
      vpcSubnets,
      internetFacing: false,
      securityGroups: [loadBalancerGroup],
      // A zone whose pooler is gone goes on through the others.
      crossZoneEnabled: true,
      deletionProtection,
    });
    this.targetGroup = new elbv2.NetworkTargetGroup(this, 'Targets', {
      vpc: props.vpc,
      targetType: elbv2.TargetType.INSTANCE,
      protocol: elbv2.Protocol.TCP,
      port: POOLER_PORT,
      targets: [this.autoScalingGroup],
      // PgBouncer's log and console then name the client, not the load balancer.
      preserveClientIp: true,
      deregistrationDelay: Duration.minutes(1),
      // What is still connected by then learns of it at once, and connects again.
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
      'PostgreSQL asks for TLS inside its own protocol, which a TLS listener does not speak. The connection passes through, and PgBouncer refuses clients that do not encrypt (`client_tls_sslmode = require`).',
      'NIST.800.53.R5-ELBv2ACMCertificateRequired',
      'PCI.DSS.321-ELBv2ACMCertificateRequired',
    );
    this.endpoint = { hostname: this.loadBalancer.loadBalancerDnsName, port };
    this.acknowledgeLoadBalancer(deletionProtection);
  }

  /**
   * A metric of all poolers together, or of one database: see POOLER_METRICS. Every pooler reports
   * once a minute, so a minute's sum is the region's. Of `LongestWait`, take the maximum.
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
      // Debian's own parameter, resolved at each deployment: "Amazon EC2 images", wiki.debian.org.
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
      // A new one serves before an old one goes, and never two at once: the budget is divided for
      // that.
      minHealthyPercentage: 100,
      maxHealthyPercentage: 100 + Math.floor(100 / instances),
      groupMetrics: [autoscaling.GroupMetrics.all()],
      signals: autoscaling.Signals.waitForMinCapacity({ timeout: CREATION_TIMEOUT }),
      updatePolicy: autoscaling.UpdatePolicy.instanceRefresh({
        strategy: autoscaling.InstanceRefreshStrategy.ROLLING,
        instanceWarmup: WARMUP,
      }),
    });
    // The instances read and write these while they boot.
    group.node.addDependency(this.role);
    acknowledge(
      group,
      'The signals are for the creation of the group only. An instance refresh does not wait for them: it goes by the health checks of the load balancer.',
      'Annotation::@aws-cdk/aws-autoscaling:signalsNotUsedByInstanceRefresh',
    );
    acknowledge(
      group,
      'The group has a fixed size. Replacements stay in its activity history and on EventBridge, and the poolers report what they serve every minute.',
      'AwsSolutions-AS3',
    );
    return group;
  }

  private acknowledgeLoadBalancer(deletionProtection: boolean): void {
    acknowledge(
      this.loadBalancer,
      'Network Load Balancers log only connections whose TLS they end, and these pass through to PgBouncer. The flow logs of the VPC have every connection, and PgBouncer logs what it refuses.',
      'AwsSolutions-ELB2',
      'NIST.800.53.R5-ELBLoggingEnabled',
      'PCI.DSS.321-ELBLoggingEnabled',
    );
    if (!deletionProtection) {
      acknowledge(
        this.loadBalancer,
        'The owner turned deletion protection off (`deletionProtection` or `removalPolicy: DESTROY`), for a sandbox or because the stack itself is protected. A load balancer holds no data.',
        'NIST.800.53.R5-ELBDeletionProtectionEnabled',
      );
    }
  }
}
