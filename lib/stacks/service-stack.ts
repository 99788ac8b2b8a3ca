import { createHash } from 'node:crypto';
import { CfnOutput, Duration } from 'aws-cdk-lib';
import * as acm from 'aws-cdk-lib/aws-certificatemanager';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as route53 from 'aws-cdk-lib/aws-route53';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { OriginRecords, ServiceFleet } from '../constructs/service';
import {
  ORIGIN_VERIFY_HEADER,
  RegionStack,
  regionSettings,
  VPC_ORIGIN_OUTPUT,
} from './region-stack';
import { type RuntimeDocumentProps, runtimeDocument } from './runtime-document';

export interface ServiceStackProps extends RuntimeDocumentProps {
  readonly vpc: ec2.IVpc;
}

/**
 * The fleet of a region with its load balancer, its access and settings, and the DNS names by which
 * CloudFront finds it.
 */
export class ServiceStack extends RegionStack {
  public readonly fleet: ServiceFleet;
  /** The settings that `isochrone-runtime` reads in the fleet. */
  public readonly settings: ssm.StringParameter;
  /** The DNS records of the region; undefined with VPC origins. */
  public readonly records?: OriginRecords;

  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    super(scope, id, props, { description: 'Load balancer and fleet' });
    const { domain, service, primaryRegion } = this.deployment;
    const { originSecret, runtime } = this.deployment.edge;
    const isPrivate = runtime === 'cloudfront-functions';
    const region = regionSettings(props);
    const zone = route53.HostedZone.fromHostedZoneAttributes(this, 'Zone', {
      hostedZoneId: domain.hostedZoneId,
      zoneName: domain.hostedZoneName,
    });
    const settings = this.toJsonString(runtimeDocument(props, this.names));
    this.settings = new ssm.StringParameter(this, 'Settings', {
      parameterName: this.names.runtimeSettings,
      description: 'What isochrone/runtime must know of this region; no secrets',
      stringValue: settings,
    });
    this.fleet = new ServiceFleet(this, 'Fleet', {
      vpc: props.vpc,
      certificate: new acm.Certificate(this, 'Certificate', {
        domainName: this.names.readOrigin,
        subjectAlternativeNames: isPrivate
          ? undefined
          : [this.names.writeOrigin, this.names.batchOrigin],
        validation: acm.CertificateValidation.fromDns(zone),
      }),
      access: isPrivate ? 'vpc-origin' : 'cloudfront-public',
      originVerification: {
        headerName: ORIGIN_VERIFY_HEADER,
        secret: this.originSecret(originSecret.versionId),
        previousSecret:
          originSecret.alsoAcceptedVersionId === undefined
            ? undefined
            : this.originSecret(originSecret.alsoAcceptedVersionId),
      },
      instanceType: new ec2.InstanceType(service.instanceType),
      minCapacity: region.minInstances ?? service.minInstances,
      maxCapacity: region.maxInstances ?? service.maxInstances,
      targetCpuPercent: service.targetCpuPercent,
      targetRequestsPerSecond: service.targetRequestsPerSecond,
      port: service.port,
      environment: {
        ISOCHRONE_SETTINGS: this.names.runtimeSettings,
        // Applications read the settings at startup. With this variable, other settings replace the
        // instances, as another application does.
        ISOCHRONE_SETTINGS_VERSION: createHash('sha256')
          .update(JSON.stringify(this.resolve(settings)))
          .digest('hex')
          .slice(0, 12),
      },
      healthCheckGrace: Duration.seconds(service.healthCheckGraceSeconds),
      removalPolicy: this.removalPolicy,
      // The stack is protected instead: a protected load balancer would prevent the rollback of a
      // failed first deployment.
      deletionProtection: false,
    });
    this.fleet.autoScalingGroup.node.addDependency(this.settings);
    this.grantAccess(props);
    if (this.fleet.vpcOrigin) {
      // CloudFront addresses it by its id; it has no DNS name.
      new CfnOutput(this, VPC_ORIGIN_OUTPUT, {
        value: this.fleet.vpcOrigin.vpcOriginId,
        description: 'What the distribution names as its origin',
      });
      return;
    }
    this.records = new OriginRecords(this, 'OriginRecords', {
      zone,
      target: this.fleet,
      readName: this.names.readOrigin,
      writeName: props.region === primaryRegion ? this.names.writeOrigin : undefined,
      batchName:
        props.region === this.deployment.edge.batchRegion ? this.names.batchOrigin : undefined,
    });
  }

  /**
   * Gives the fleet access to the region's databases, poolers and cache, by network and by IAM. The
   * rules belong to this stack: the others do not depend on it.
   */
  private grantAccess({
    database: { primary, replicas },
    pooler,
    cache: { cache },
  }: ServiceStackProps): void {
    const { applicationUser } = this.deployment.database;
    for (const instance of [
      ...(primary ? [primary.instance] : []),
      ...(replicas?.instances ?? []),
    ]) {
      instance.grantConnect(this.fleet, applicationUser);
    }
    // Replicas first: a promoted hub shares their group, whose existing rule must not be replaced.
    if (replicas) this.fleet.connections.allowToDefaultPort(replicas, 'PostgreSQL replicas');
    if (primary) this.fleet.connections.allowToDefaultPort(primary, 'PostgreSQL primary');
    if (pooler) this.fleet.connections.allowToDefaultPort(pooler.pooler, 'PgBouncer');
    this.fleet.connections.allowToDefaultPort(cache, 'Valkey');
    cache.grantConnect(this.fleet);
    iam.Grant.addToPrincipal({
      grantee: this.fleet,
      actions: ['ssm:GetParameter'],
      resourceArns: [this.settings.parameterArn],
    });
    const { poolerSecret } = this.deployment.database;
    if (pooler && poolerSecret !== undefined) {
      secretsmanager.Secret.fromSecretNameV2(this, 'PoolerSecret', poolerSecret).grantRead(
        this.fleet,
      );
    }
  }
}
