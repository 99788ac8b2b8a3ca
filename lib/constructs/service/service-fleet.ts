import { existsSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { Duration, Stack } from 'aws-cdk-lib';
import * as autoscaling from 'aws-cdk-lib/aws-autoscaling';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { invalidValue } from '../../model/errors';
import {
  acknowledge,
  acknowledgeInlinePolicies,
  allowSessions,
  checkRule,
  fleetTemplate,
  handlerDirectory,
} from '../house-rules';
import { bootScript } from './boot-script';
import {
  checkCapacity,
  checkEnvironment,
  healthCheckGraceSeconds,
  IDLE_TIMEOUT_SECONDS,
  instanceLifetimeDays,
  plainPath,
  targetCpu,
  targetRequests,
  unprivilegedPort,
} from './checks';
import type { IServiceFleet } from './interfaces';
import { OriginLoadBalancer, type OriginLoadBalancerProps } from './origin-load-balancer';

/** The only path that the default server answers. */
const DEFAULT_HEALTH_CHECK_PATH = '/health';

/** How long CloudFormation waits for the instances of a new fleet. */
const CREATION_TIMEOUT = Duration.minutes(15);

/** A built Node.js application, which each instance runs. */
export interface FleetApplication {
  /**
   * The folder with everything that the application needs at run time. It is zipped and uploaded
   * when the stack is deployed.
   */
  readonly directory: string;
  /**
   * The file that Node.js starts, relative to the folder.
   *
   * @default 'index.js'
   */
  readonly entry?: string;
}

export interface ServiceFleetProps extends OriginLoadBalancerProps {
  /**
   * The subnets of the instances. They need internet access: to S3 for packages and the
   * application, and to CloudFormation, which waits for the signal of the first instances.
   *
   * @default - the private subnets with egress
   */
  readonly vpcSubnets?: ec2.SubnetSelection;
  /**
   * The application that the instances run. It must listen on `PORT`, answer `healthCheckPath` with
   * 200, keep idle connections open for `KEEP_ALIVE_SECONDS`, and on SIGTERM finish the requests in
   * progress.
   *
   * @default - a server that only answers the health check
   */
  readonly application?: FleetApplication;
  /**
   * Environment variables of the application. Anyone who may describe launch templates can read
   * them: give the names of secrets, never their values.
   *
   * @default - only PORT, AWS_REGION, INSTANCE_ID, KEEP_ALIVE_SECONDS and NODE_ENV=production
   */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * The port that the application listens on, 1024 to 65535.
   *
   * @default 8080
   */
  readonly port?: number;
  /**
   * The path that answers 200 while the application can serve.
   *
   * @default '/health'
   */
  readonly healthCheckPath?: string;
  /**
   * How long a new instance may take to become healthy before it is replaced, 0 to 7200 s.
   *
   * @default Duration.minutes(3)
   */
  readonly healthCheckGrace?: Duration;
  /**
   * The instance type. Its architecture selects the image.
   *
   * @default m7g.large
   */
  readonly instanceType?: ec2.InstanceType;
  /**
   * The minimum number of instances; 2 survive the loss of one.
   *
   * @default 2
   */
  readonly minCapacity?: number;
  /**
   * The maximum number of instances.
   *
   * @default 50
   */
  readonly maxCapacity?: number;
  /**
   * The average CPU that scaling keeps, in percent.
   *
   * @default 70
   */
  readonly targetCpuPercent?: number;
  /**
   * The requests per second and instance that scaling keeps.
   *
   * @default 1000
   */
  readonly targetRequestsPerSecond?: number;
  /**
   * How long scaling ignores the metrics of a new instance, and how long a rollout waits after each
   * batch.
   *
   * @default Duration.minutes(2)
   */
  readonly instanceWarmup?: Duration;
  /**
   * The age at which a new instance replaces an old one, 1 to 365 days. The new instance runs the
   * image that was the newest at the last deployment.
   *
   * @default Duration.days(14)
   */
  readonly maxInstanceLifetime?: Duration;
  /**
   * How long the load balancer lets a departing instance finish its requests.
   *
   * @default Duration.seconds(30)
   */
  readonly deregistrationDelay?: Duration;
  /**
   * Alarms that stop a rollout, so that CloudFormation rolls it back; at most 10.
   *
   * @default - only unhealthy instances stop a rollout
   */
  readonly rollbackAlarms?: readonly cloudwatch.IAlarm[];
  /**
   * The topic to which launches and terminations are reported.
   *
   * @default - the activity history of the group only
   */
  readonly notificationTopic?: sns.ITopic;
}

/**
 * An Auto Scaling fleet behind a load balancer that only CloudFront reaches.
 *
 * A deployment replaces instances gradually whenever the launch template changes: for a new
 * application, another setting, or a new Amazon Linux image, whose id CloudFormation resolves at
 * each deployment. A deployment never sets the desired capacity, which the scaling policies
 * control.
 *
 * @throws IsochroneError for a value that AWS would refuse or no instance could run with
 */
export class ServiceFleet extends Construct implements IServiceFleet {
  public readonly loadBalancer: elbv2.ApplicationLoadBalancer;
  public readonly listener: elbv2.ApplicationListener;
  /** The origin of a distribution; only defined with `access: 'vpc-origin'`. */
  public readonly vpcOrigin?: cloudfront.VpcOrigin;
  public readonly targetGroup: elbv2.ApplicationTargetGroup;
  public readonly autoScalingGroup: autoscaling.AutoScalingGroup;
  /** The role of the instances: the permissions of the application. */
  public readonly role: iam.Role;
  /** The role, as the target of grants to the fleet: `cache.grantConnect(fleet)`. */
  public readonly grantPrincipal: iam.IPrincipal;
  /**
   * The network access of the instances. Admit them to databases and caches with
   * `cache.connections.allowDefaultPortFrom(fleet)`.
   */
  public readonly connections: ec2.Connections;

  constructor(scope: Construct, id: string, props: ServiceFleetProps) {
    super(scope, id);
    const application = props.application ?? { directory: handlerDirectory('health-service') };
    const entry = application.entry ?? 'index.js';
    const environment = props.environment ?? {};
    const port = props.port ?? 8080;
    const healthCheckPath = props.healthCheckPath ?? DEFAULT_HEALTH_CHECK_PATH;
    const healthCheckGrace = props.healthCheckGrace ?? Duration.minutes(3);
    const instanceType =
      props.instanceType ?? ec2.InstanceType.of(ec2.InstanceClass.M7G, ec2.InstanceSize.LARGE);
    const minCapacity = props.minCapacity ?? 2;
    const maxCapacity = props.maxCapacity ?? 50;
    const targetCpuPercent = props.targetCpuPercent ?? 70;
    const targetRequestsPerSecond = props.targetRequestsPerSecond ?? 1000;
    const instanceWarmup = props.instanceWarmup ?? Duration.minutes(2);
    const maxInstanceLifetime = props.maxInstanceLifetime ?? Duration.days(14);

    this.checkApplication(application.directory, entry);
    checkEnvironment(this, environment);
    checkRule(this, 'port', unprivilegedPort, port);
    checkRule(this, 'healthCheckPath', plainPath, healthCheckPath);
    if (props.application === undefined) this.checkDefaultServer(healthCheckPath);
    checkCapacity(this, minCapacity, maxCapacity);
    checkRule(this, 'targetCpuPercent', targetCpu, targetCpuPercent);
    checkRule(this, 'targetRequestsPerSecond', targetRequests, targetRequestsPerSecond);
    this.checkDurations(healthCheckGrace, maxInstanceLifetime);

    const front = new OriginLoadBalancer(this, 'Front', props);
    this.loadBalancer = front.loadBalancer;
    this.listener = front.listener;
    this.vpcOrigin = front.vpcOrigin;

    const securityGroup = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc: props.vpc,
      description: `The instances of ${this.node.path}.`,
      allowAllOutbound: false,
    });
    securityGroup.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.HTTPS, 'AWS services and other APIs');
    this.connections = new ec2.Connections({
      securityGroups: [securityGroup],
      defaultPort: ec2.Port.tcp(port),
    });

    this.role = new iam.Role(this, 'Role', {
      description: `The instances of ${this.node.path}.`,
      assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
    });
    this.grantPrincipal = this.role;
    acknowledgeInlinePolicies(
      this.role,
      'What is granted to the fleet stands in the default policy of its role, one policy ' +
        'per role as CDK writes it. It serves this role only, changes with the constructs ' +
        'that grant, and goes with the role.',
    );
    allowSessions(this, this.role);
    const asset = new Asset(this, 'Application', { path: application.directory });
    const mayReadApplication = this.allowReading(asset);

    // The application must keep idle connections open for longer than the load balancer. Otherwise
    // the load balancer sends a request into a closing connection and answers 502.
    const keepAliveSeconds =
      (front.idleTimeout.isUnresolved()
        ? IDLE_TIMEOUT_SECONDS.max
        : front.idleTimeout.toSeconds()) + 5;
    const userData = bootScript({
      archive: asset.s3ObjectUrl,
      entry,
      region: Stack.of(this).region,
      port,
      healthCheckPath,
      keepAliveSeconds,
      environment,
    });
    const launchTemplate = fleetTemplate(this, 'LaunchTemplate', {
      // An SSM parameter in the template is resolved at each deployment, never at synthesis.
      machineImage: ec2.MachineImage.latestAmazonLinux2023({
        cpuType:
          instanceType.architecture === ec2.InstanceArchitecture.ARM_64
            ? ec2.AmazonLinuxCpuType.ARM_64
            : ec2.AmazonLinuxCpuType.X86_64,
      }),
      instanceType,
      role: this.role,
      securityGroup,
      userData,
      diskGiB: 16,
    });

    this.autoScalingGroup = new autoscaling.AutoScalingGroup(this, 'Group', {
      vpc: props.vpc,
      vpcSubnets: props.vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      launchTemplate,
      minCapacity,
      maxCapacity,
      healthChecks: autoscaling.HealthChecks.withAdditionalChecks({
        additionalTypes: [autoscaling.AdditionalHealthCheckType.ELB],
        gracePeriod: healthCheckGrace,
      }),
      defaultInstanceWarmup: instanceWarmup,
      maxInstanceLifetime,
      // Also outside of rollouts: the replacement of an old or unhealthy instance answers before
      // the instance terminates.
      minHealthyPercentage: 100,
      maxHealthyPercentage: 110,
      // Scaling in first terminates instances that a rollout would replace.
      terminationPolicies: [
        autoscaling.TerminationPolicy.OLDEST_LAUNCH_TEMPLATE,
        autoscaling.TerminationPolicy.DEFAULT,
      ],
      groupMetrics: [autoscaling.GroupMetrics.all()],
      notifications: props.notificationTopic && [
        { topic: props.notificationTopic, scalingEvents: autoscaling.ScalingEvents.ALL },
      ],
      // Creation succeeds when the application answers, not when the instances have booted.
      signals: autoscaling.Signals.waitForMinCapacity({ timeout: CREATION_TIMEOUT }),
      // CloudFormation starts an instance refresh. Unlike a rolling update, it launches before it
      // terminates, follows the load balancer's health checks and does not suspend scaling. If it
      // fails, the stack rolls back, and with it the launch template.
      updatePolicy: autoscaling.UpdatePolicy.instanceRefresh({
        strategy: autoscaling.InstanceRefreshStrategy.ROLLING,
        instanceWarmup,
        alarms: props.rollbackAlarms && [...props.rollbackAlarms],
      }),
    });
    userData.addSignalOnExitCommand(this.autoScalingGroup);
    acknowledge(
      this.autoScalingGroup,
      'The signals are for the creation of the group only. An instance refresh does not ' +
        'wait for them: it goes by the health checks of the load balancer.',
      'Annotation::@aws-cdk/aws-autoscaling:signalsNotUsedByInstanceRefresh',
    );
    this.autoScalingGroup.node.addDependency(mayReadApplication);
    if (props.notificationTopic === undefined) {
      acknowledge(
        this.autoScalingGroup,
        'Launches and terminations stay in the activity history of the group and on ' +
          'EventBridge. Scaling is routine here; who wants a message for each event gives ' +
          '`notificationTopic`.',
        'AwsSolutions-AS3',
      );
    }

    this.targetGroup = new elbv2.ApplicationTargetGroup(this, 'Targets', {
      vpc: props.vpc,
      targetType: elbv2.TargetType.INSTANCE,
      protocol: elbv2.ApplicationProtocol.HTTP,
      port,
      targets: [this.autoScalingGroup],
      deregistrationDelay: props.deregistrationDelay ?? Duration.seconds(30),
      // Requests differ in cost, so counting open requests spreads load better than round robin.
      loadBalancingAlgorithmType:
        elbv2.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
      healthCheck: {
        path: healthCheckPath,
        healthyHttpCodes: '200',
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 3,
      },
    });
    front.forwardTo(this.targetGroup);

    this.autoScalingGroup.scaleOnCpuUtilization('Cpu', {
      targetUtilizationPercent: targetCpuPercent,
    });
    // CloudWatch counts requests per minute.
    this.autoScalingGroup.scaleOnRequestCount('Requests', {
      targetRequestsPerMinute: targetRequestsPerSecond * 60,
    });
  }

  /**
   * Average CPU of the instances, in percent.
   *
   * @default - the average over 5 minutes
   */
  public metricCpu(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.groupMetric('AWS/EC2', 'CPUUtilization', props);
  }

  /**
   * The desired number of instances.
   *
   * @default - the average over 5 minutes
   */
  public metricDesiredCapacity(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.groupMetric('AWS/AutoScaling', 'GroupDesiredCapacity', props);
  }

  /**
   * The maximum number of instances.
   *
   * @default - the average over 5 minutes
   */
  public metricMaxSize(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.groupMetric('AWS/AutoScaling', 'GroupMaxSize', props);
  }

  /**
   * Instances in service.
   *
   * @default - the average over 5 minutes
   */
  public metricInServiceInstances(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.groupMetric('AWS/AutoScaling', 'GroupInServiceInstances', props);
  }

  /**
   * Healthy targets of the load balancer.
   *
   * @default - the average over 5 minutes
   */
  public metricHealthyHosts(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.targetGroup.metrics.healthyHostCount(props);
  }

  /**
   * Unhealthy targets of the load balancer.
   *
   * @default - the average over 5 minutes
   */
  public metricUnhealthyHosts(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.targetGroup.metrics.unhealthyHostCount(props);
  }

  private groupMetric(
    namespace: string,
    metricName: string,
    props?: cloudwatch.MetricOptions,
  ): cloudwatch.Metric {
    const { autoScalingGroupName } = this.autoScalingGroup;
    return new cloudwatch.Metric({
      namespace,
      metricName,
      dimensionsMap: { AutoScalingGroupName: autoScalingGroupName },
      ...props,
    }).attachTo(this);
  }

  /**
   * Lets the role read this one archive. Each version has a policy of its own: CloudFormation
   * creates the new policy before a rollout and deletes the old one after it. Instances that are
   * still launched from the old template, and a rollback, keep access to their archive.
   */
  private allowReading(asset: Asset): iam.ManagedPolicy {
    return new iam.ManagedPolicy(this, `ReadApplication${asset.assetHash.slice(0, 8)}`, {
      description: 'Reading the application that an instance runs.',
      roles: [this.role],
      statements: [
        new iam.PolicyStatement({
          actions: ['s3:GetObject'],
          resources: [asset.bucket.arnForObjects(asset.s3ObjectKey)],
        }),
      ],
    });
  }

  private checkApplication(directory: string, entry: string): void {
    if (
      !/^[\w@.+/-]+$/.test(entry) ||
      normalize(entry).startsWith('..') ||
      entry.startsWith('/') ||
      !existsSync(join(directory, entry))
    ) {
      throw invalidValue(this, {
        property: 'application.entry',
        value: entry,
        allowed: `a file in ${directory}`,
        rule: 'Each instance runs it with Node.js, from the unpacked folder.',
        fix:
          'Build the application first, ' +
          'and give the path of its main file relative to the folder.',
      });
    }
  }

  private checkDefaultServer(healthCheckPath: string): void {
    if (healthCheckPath === DEFAULT_HEALTH_CHECK_PATH) return;
    throw invalidValue(this, {
      property: 'healthCheckPath',
      value: healthCheckPath,
      allowed: `${DEFAULT_HEALTH_CHECK_PATH} without an \`application\``,
      rule: 'The default server answers no other path, so no instance would become healthy.',
      fix: 'Give the `application` that answers this path, or remove it.',
    });
  }

  private checkDurations(healthCheckGrace: Duration, maxInstanceLifetime: Duration): void {
    if (!healthCheckGrace.isUnresolved()) {
      const seconds = healthCheckGrace.toSeconds();
      checkRule(this, 'healthCheckGrace', healthCheckGraceSeconds, seconds);
    }
    if (!maxInstanceLifetime.isUnresolved()) {
      const days = maxInstanceLifetime.toDays({ integral: false });
      checkRule(this, 'maxInstanceLifetime', instanceLifetimeDays, days);
    }
  }
}
