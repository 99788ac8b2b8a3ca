import { existsSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { Duration, Stack, Token } from 'aws-cdk-lib';
import * as autoscaling from 'aws-cdk-lib/aws-autoscaling';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { AUTO_SCALING } from '../../model/aws';
import { invalidValue } from '../../model/errors';
import { acknowledge, allowSessions, fleetTemplate, handlerDirectory } from '../house-rules';
import { bootScript, RESERVED_VARIABLES } from './boot-script';
import {
  IDLE_TIMEOUT_SECONDS,
  OriginLoadBalancer,
  type OriginLoadBalancerProps,
} from './origin-load-balancer';

/**
 * "Replace Auto Scaling instances based on maximum instance lifetime", Amazon EC2 Auto Scaling user
 * guide.
 */
const INSTANCE_LIFETIME_DAYS = { min: 1, max: 365 };

/** Ports that a process without privileges may listen on. */
const PORTS = { min: 1024, max: 65_535 };

/** The only path that the server answers which stands in for an application. */
const DEFAULT_HEALTH_CHECK_PATH = '/health';

/**
 * "User data", Amazon EC2 user guide: 16 KB before it is encoded. A part is left for the fleet's
 * own script.
 */
const ENVIRONMENT_BYTES = 10_000;

/**
 * How long instances may take to come up when the fleet is created, before CloudFormation gives up.
 */
const CREATION_TIMEOUT = Duration.minutes(15);

/** A Node.js application, built: what each instance runs. */
export interface FleetApplication {
  /**
   * The folder with everything that it needs at run time. It is zipped and uploaded when the stack
   * is deployed.
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
   * The subnets of the instances. They need a way out: to S3 for packages and the application, and
   * to CloudFormation, which waits for the first ones' signal.
   *
   * @default the private subnets with egress
   */
  readonly vpcSubnets?: ec2.SubnetSelection;
  /**
   * What the instances run. It listens on `PORT`, answers `healthCheckPath` with 200, keeps idle
   * connections open for `KEEP_ALIVE_SECONDS`, and on SIGTERM finishes what it began.
   *
   * @default a server that answers the health check and nothing else
   */
  readonly application?: FleetApplication;
  /**
   * Environment variables of the application. Whoever may describe launch templates can read them:
   * give the names of secrets, never their values.
   *
   * @default only PORT, AWS_REGION, INSTANCE_ID, KEEP_ALIVE_SECONDS and NODE_ENV=production
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
   * The instance type. Its architecture chooses the image.
   *
   * @default m7g.large
   */
  readonly instanceType?: ec2.InstanceType;
  /**
   * Instances at least; 2 survive the loss of one.
   *
   * @default 2
   */
  readonly minCapacity?: number;
  /**
   * Instances at most.
   *
   * @default 50
   */
  readonly maxCapacity?: number;
  /**
   * The average CPU that the fleet is kept at, in percent.
   *
   * @default 70
   */
  readonly targetCpuPercent?: number;
  /**
   * The requests per second and instance that the fleet is kept at.
   *
   * @default 1000
   */
  readonly targetRequestsPerSecond?: number;
  /**
   * How long a new instance's figures are left out of scaling decisions, and how long a roll-out
   * waits after each batch.
   *
   * @default Duration.minutes(2)
   */
  readonly instanceWarmup?: Duration;
  /**
   * The age at which an instance is replaced by a fresh one, 1 to 365 days. Its image is the newest
   * of the last deployment.
   *
   * @default Duration.days(14)
   */
  readonly maxInstanceLifetime?: Duration;
  /**
   * How long the load balancer lets an instance that leaves finish its requests.
   *
   * @default Duration.seconds(30)
   */
  readonly deregistrationDelay?: Duration;
  /**
   * Alarms that stop a roll-out, so that CloudFormation rolls it back; 10 at most.
   *
   * @default only unhealthy instances stop it
   */
  readonly rollbackAlarms?: readonly cloudwatch.IAlarm[];
  /**
   * Where launches and terminations are reported.
   *
   * @default nowhere but in the activity history of the group
   */
  readonly notificationTopic?: sns.ITopic;
}

/**
 * An autoscaled fleet behind a load balancer that only CloudFront reaches.
 *
 * A deployment replaces instances gradually whenever the launch template changes: a new
 * application, another setting, or a new Amazon Linux image, whose id CloudFormation resolves at
 * each deployment. It never sets the desired capacity, which belongs to the scaling policies.
 */
export class ServiceFleet extends Construct implements ec2.IConnectable, iam.IGrantable {
  public readonly loadBalancer: elbv2.ApplicationLoadBalancer;
  public readonly listener: elbv2.ApplicationListener;
  /** What a distribution names as its origin; undefined but with `access: 'vpc-origin'`. */
  public readonly vpcOrigin?: cloudfront.VpcOrigin;
  public readonly targetGroup: elbv2.ApplicationTargetGroup;
  public readonly autoScalingGroup: autoscaling.AutoScalingGroup;
  /** What the application may do in AWS. */
  public readonly role: iam.Role;
  /** The role, so that grants can be given to the fleet itself: `cache.grantConnect(fleet)`. */
  public readonly grantPrincipal: iam.IPrincipal;
  /**
   * The instances. Let them into databases and caches:
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
    this.checkEnvironment(environment);
    this.checkNetwork(port, healthCheckPath, props.application !== undefined);
    this.checkCapacity(minCapacity, maxCapacity);
    this.checkTargets(targetCpuPercent, targetRequestsPerSecond);
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
    acknowledge(
      this.role,
      'What is granted to the fleet stands in the default policy of its role, one policy per role as CDK writes it. It serves this role only, changes with the constructs that grant, and goes with the role.',
      'NIST.800.53.R5-IAMNoInlinePolicy',
      'PCI.DSS.321-IAMNoInlinePolicy',
    );
    allowSessions(this, this.role);
    const asset = new Asset(this, 'Application', { path: application.directory });
    const mayReadApplication = this.allowReading(asset);

    // Idle connections of the application must outlive the load balancer's, or it answers 502 when
    // it loses that race.
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
      // An SSM parameter of the template: resolved at each deployment, never at synthesis.
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
      // Also outside of roll-outs, for instances that are too old or unhealthy: a new one answers
      // before the old one goes.
      minHealthyPercentage: 100,
      maxHealthyPercentage: 110,
      // Scaling in first removes what a roll-out would replace.
      terminationPolicies: [
        autoscaling.TerminationPolicy.OLDEST_LAUNCH_TEMPLATE,
        autoscaling.TerminationPolicy.DEFAULT,
      ],
      groupMetrics: [autoscaling.GroupMetrics.all()],
      notifications: props.notificationTopic && [
        { topic: props.notificationTopic, scalingEvents: autoscaling.ScalingEvents.ALL },
      ],
      // The fleet is created when the application answers, not when the instances have booted.
      signals: autoscaling.Signals.waitForMinCapacity({ timeout: CREATION_TIMEOUT }),
      // An instance refresh, started by CloudFormation: it launches before it terminates, follows
      // the load balancer's health checks and does not suspend scaling, all of which a rolling
      // update does not do. If it fails, the stack rolls back, and with it the launch template.
      updatePolicy: autoscaling.UpdatePolicy.instanceRefresh({
        strategy: autoscaling.InstanceRefreshStrategy.ROLLING,
        instanceWarmup,
        alarms: props.rollbackAlarms && [...props.rollbackAlarms],
      }),
    });
    userData.addSignalOnExitCommand(this.autoScalingGroup);
    acknowledge(
      this.autoScalingGroup,
      'The signals are for the creation of the group only. An instance refresh does not wait for them: it goes by the health checks of the load balancer.',
      'Annotation::@aws-cdk/aws-autoscaling:signalsNotUsedByInstanceRefresh',
    );
    this.autoScalingGroup.node.addDependency(mayReadApplication);
    if (props.notificationTopic === undefined) {
      acknowledge(
        this.autoScalingGroup,
        'Launches and terminations stay in the activity history of the group and on EventBridge. Scaling is routine here; who wants a message for each event gives `notificationTopic`.',
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
      // Requests differ in cost: counting what is open spreads load better than taking turns.
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
   * The role reads this one archive. A policy per version, not one that is edited: CloudFormation
   * makes the new one before the roll-out and removes the old one after it, so instances that are
   * still launched from the old template, and a roll-back, find theirs.
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
        fix: 'Build the application first, and give the path of its first file relative to the folder.',
      });
    }
  }

  private checkEnvironment(environment: Readonly<Record<string, string>>): void {
    const bytes = Object.entries(environment).reduce(
      (sum, [name, value]) => sum + Buffer.byteLength(`${name}="${value}"\n`),
      0,
    );
    if (bytes > ENVIRONMENT_BYTES) {
      throw invalidValue(this, {
        property: 'environment',
        value: `${bytes} bytes`,
        allowed: `at most ${ENVIRONMENT_BYTES} bytes`,
        rule: 'It travels in the user data of the instances, which EC2 limits to 16 KB together with the boot script.',
        fix: 'Put large settings into a parameter or a file of the application, and name that here.',
      });
    }
    for (const [name, value] of Object.entries(environment)) {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || RESERVED_VARIABLES.includes(name)) {
        throw invalidValue(this, {
          property: 'environment',
          value: name,
          allowed: `named with letters, digits and underscores, and not ${RESERVED_VARIABLES.join(', ')}`,
          rule: 'systemd ignores other names, and these four are set by the fleet.',
          fix: 'Rename the variable; PORT follows `port`.',
        });
      }
      if (!Token.isUnresolved(value) && /[\r\n\0]/.test(value)) {
        throw invalidValue(this, {
          property: `environment.${name}`,
          value,
          allowed: 'one line',
          rule: 'It stands on one line of the file that systemd reads.',
          fix: 'Encode it, for example as JSON.',
        });
      }
    }
  }

  private checkNetwork(port: number, healthCheckPath: string, hasApplication: boolean): void {
    if (
      !Token.isUnresolved(port) &&
      !(Number.isInteger(port) && port >= PORTS.min && port <= PORTS.max)
    ) {
      throw invalidValue(this, {
        property: 'port',
        value: port,
        allowed: `${PORTS.min} to ${PORTS.max}`,
        rule: 'The application runs without privileges and cannot listen on lower ports.',
        fix: 'The load balancer listens on 443 by itself; choose a port such as 8080.',
      });
    }
    if (!Token.isUnresolved(healthCheckPath) && !/^\/[\w.~/-]*$/.test(healthCheckPath)) {
      throw invalidValue(this, {
        property: 'healthCheckPath',
        value: healthCheckPath,
        allowed: 'a path with a slash first, of letters, digits and . ~ / _ -',
        rule: 'The load balancer and the boot script ask for it as it stands.',
        fix: "Write it like '/health'.",
      });
    }
    if (!hasApplication && healthCheckPath !== DEFAULT_HEALTH_CHECK_PATH) {
      throw invalidValue(this, {
        property: 'healthCheckPath',
        value: healthCheckPath,
        allowed: `${DEFAULT_HEALTH_CHECK_PATH} without an \`application\``,
        rule: 'The server that stands in for an application answers there only, so no instance would ever become healthy.',
        fix: 'Give the `application` that answers this path, or leave it out.',
      });
    }
  }

  private checkCapacity(minCapacity: number, maxCapacity: number): void {
    const whole = [minCapacity, maxCapacity].every(
      (value) => Token.isUnresolved(value) || Number.isInteger(value),
    );
    const ordered =
      Token.isUnresolved(minCapacity) ||
      (minCapacity >= 1 && (Token.isUnresolved(maxCapacity) || minCapacity <= maxCapacity));
    if (!whole || !ordered) {
      throw invalidValue(this, {
        property: 'minCapacity and maxCapacity',
        value: [minCapacity, maxCapacity],
        allowed: 'whole numbers, the first at least 1 and not above the second',
        rule: 'An empty fleet serves nobody, and the scaling policies move between the two.',
        fix: 'Raise `maxCapacity` or lower `minCapacity`.',
      });
    }
  }

  private checkTargets(cpuPercent: number, requestsPerSecond: number): void {
    if (!Token.isUnresolved(cpuPercent) && !(cpuPercent > 0 && cpuPercent <= 100)) {
      throw invalidValue(this, {
        property: 'targetCpuPercent',
        value: cpuPercent,
        allowed: 'above 0 and up to 100',
        rule: 'It is the average CPU of the fleet, and a target that is never reached never scales.',
        fix: 'Use 40 to 80; lower reacts earlier and costs more.',
      });
    }
    if (!Token.isUnresolved(requestsPerSecond) && !(requestsPerSecond > 0)) {
      throw invalidValue(this, {
        property: 'targetRequestsPerSecond',
        value: requestsPerSecond,
        allowed: 'above 0',
        rule: 'Target tracking divides the load by it.',
        fix: 'Measure what one instance serves within the latency objective, and stay below.',
      });
    }
  }

  private checkDurations(healthCheckGrace: Duration, maxInstanceLifetime: Duration): void {
    const { min, max } = AUTO_SCALING.healthCheckGraceSeconds;
    if (!healthCheckGrace.isUnresolved() && healthCheckGrace.toSeconds() > max) {
      throw invalidValue(this, {
        property: 'healthCheckGrace',
        value: healthCheckGrace.toHumanString(),
        allowed: `${min} to ${max} s`,
        rule: 'Auto Scaling waits no longer for a health check.',
        fix: 'Let the application start faster, or bake it into an image.',
      });
    }
    const days = maxInstanceLifetime.isUnresolved()
      ? undefined
      : maxInstanceLifetime.toDays({ integral: false });
    if (
      days !== undefined &&
      (days < INSTANCE_LIFETIME_DAYS.min || days > INSTANCE_LIFETIME_DAYS.max)
    ) {
      throw invalidValue(this, {
        property: 'maxInstanceLifetime',
        value: maxInstanceLifetime.toHumanString(),
        allowed: `${INSTANCE_LIFETIME_DAYS.min} to ${INSTANCE_LIFETIME_DAYS.max} days`,
        rule: 'Auto Scaling takes no other maximum lifetime.',
        fix: 'Use 7 to 30 days, so that instances follow the patches of their image.',
      });
    }
  }
}
