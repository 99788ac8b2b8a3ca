import { type RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { isWholeNumber, type Rule, regionRules } from '../../model/rules';
import { acknowledge, checkKnown, checkRule, type LoggedProps, loggedGroup } from '../house-rules';
import type { IRegionNetwork, RegionNetworkAttributes } from './interfaces';

/** The address space has room for six zones, so that a zone added later moves no subnet. */
const ZONES = { min: 2, max: 6 } as const;

/**
 * Prefix lengths of the VPC. Three kinds of subnet in six zones need 18 equal blocks, so a subnet
 * is a 32nd of the VPC. /16 is the largest block of a VPC ("VPC CIDR blocks", Amazon VPC user
 * guide). /22 leaves /27 to a subnet, the minimum of a load balancer ("Subnets for your load
 * balancer", Elastic Load Balancing user guide).
 */
const VPC_PREFIX = { min: 16, max: 22 } as const;
const SUBNET_PREFIX_BELOW_VPC = 5;

/**
 * The services that instances in isolated subnets need: secrets, Session Manager, logs, metrics,
 * keys.
 */
const DEFAULT_INTERFACE_ENDPOINTS: readonly string[] = [
  'secretsmanager',
  'ssm',
  'ssmmessages',
  'ec2messages',
  'logs',
  'monitoring',
  'kms',
];

const zoneCount: Rule<readonly string[]> = {
  allows: ({ length }) => isWholeNumber(length, ZONES),
  allowed: `${ZONES.min} to ${ZONES.max} zones`,
  rule:
    'Load balancers and RDS subnet groups need two zones, ' +
    'and the address space has room for six.',
  fix: `Name ${ZONES.min} to ${ZONES.max} zones.`,
};

const zoneOfStack: Rule<string, { readonly region: string }> = {
  allows: (zone, { region }) =>
    zone.startsWith(region) && /^[a-z]$/.test(zone.slice(region.length)),
  allowed: (_, { region }) => `zones of ${region}`,
  rule: "A VPC's subnets lie in availability zones of its own region.",
  fix: (_, { region }) =>
    `Name zones such as ${region}a, or give the stack the region of these zones.`,
};

const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const PREFIXES = Array.from(
  { length: VPC_PREFIX.max - VPC_PREFIX.min + 1 },
  (_, i) => VPC_PREFIX.min + i,
).join('|');
const BLOCK = new RegExp(`^${OCTET}(\\.${OCTET}){3}/(${PREFIXES})$`);

const vpcBlock: Rule<string> = {
  allows: (cidr) => BLOCK.test(cidr),
  allowed: `an IPv4 block of /${VPC_PREFIX.min} to /${VPC_PREFIX.max}`,
  rule: 'A VPC is at most a /16. A subnet is a 32nd of it, and load balancers need a /27.',
  fix: 'Use a block such as 10.0.0.0/16 or 10.8.64.0/20.',
};

const shortServiceName: Rule<string> = {
  allows: (service) =>
    /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(service) && !service.startsWith('com.amazonaws.'),
  allowed: 'the short name of a service, such as kms or ecr.api',
  rule: 'The construct derives com.amazonaws.<region>.<name> from the region of the stack.',
  fix: 'Give the last part alone.',
};

const noGatewayService: Rule<string> = {
  allows: (service) => service !== 's3' && service !== 'dynamodb',
  allowed: 'a service without a gateway endpoint',
  rule: 'S3 and DynamoDB already have gateway endpoints in this network, which are free.',
  fix: 'Remove it.',
};

export interface RegionNetworkProps extends LoggedProps {
  /**
   * The names of the availability zones, such as `ap-southeast-1a`; 2 to 6. With the names given,
   * synthesis needs no look-up.
   *
   * Their order is part of the layout: add a zone at the end. Removing a zone from the middle moves
   * the subnets of the zones after it.
   */
  readonly availabilityZones: readonly string[];

  /**
   * The VPC's IPv4 block, /16 to /22. Each subnet is a 32nd of it: 2,043 addresses in a /16.
   *
   * @default '10.0.0.0/16'
   */
  readonly cidr?: string;

  /**
   * NAT gateways, 0 to the number of zones.
   *
   * With one per zone, the loss of a zone does not affect the internet access of the others. With
   * fewer, private subnets of the other zones go out through another zone: they pay for traffic
   * between zones and lose internet access together with that zone. With 0, there are no `Private`
   * subnets, since nothing could leave them; use `Isolated`, which reach AWS through the endpoints.
   * Their addresses stay reserved, so NAT gateways can be added later without moving a subnet.
   *
   * @default - one per zone
   */
  readonly natGateways?: number;

  /**
   * AWS services that are reachable without internet access, by the last part of the endpoint's
   * name, such as `kms` or `ecr.api`. Each costs an hourly fee per zone. S3 and DynamoDB are always
   * reachable through gateway endpoints, which are free.
   *
   * @default - secretsmanager, ssm, ssmmessages, ec2messages, logs, monitoring, kms
   */
  readonly interfaceEndpoints?: readonly string[];

  /**
   * How long flow logs are kept.
   *
   * @default RetentionDays.ONE_YEAR
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * What happens to the flow logs when the network is removed. The VPC itself holds no data and is
   * deleted.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * The network of one region: a VPC with `Public`, `Private` (with internet access) and `Isolated`
 * subnets in each named zone, endpoints for AWS services, and a log of all traffic.
 *
 * CDK's custom resource removes the rules of the default security group. CloudFormation cannot
 * remove the rules that AWS puts into it, and an unused group still applies to any resource that
 * names no group; AWS Security Hub reports it (EC2.2).
 *
 * @throws IsochroneError for zones of another region, a block that does not hold the subnets, or
 * more NAT gateways than zones
 */
export class RegionNetwork extends Construct implements IRegionNetwork {
  /** An existing network, such as one of another stack. Nothing is looked up. */
  public static fromRegionNetworkAttributes(
    scope: Construct,
    id: string,
    attributes: RegionNetworkAttributes,
  ): IRegionNetwork {
    return new ImportedNetwork(scope, id, attributes);
  }

  public readonly vpc: ec2.Vpc;
  /** The zones in the order given. */
  public readonly availabilityZones: readonly string[];
  public readonly flowLogGroup: logs.LogGroup;
  /**
   * The security group of all interface endpoints, which admits only HTTPS from the VPC. Undefined
   * without interface endpoints.
   */
  public readonly endpointSecurityGroup?: ec2.SecurityGroup;
  /** The interface endpoints by short service name. */
  public readonly interfaceEndpoints: Readonly<Record<string, ec2.InterfaceVpcEndpoint>>;

  constructor(scope: Construct, id: string, props: RegionNetworkProps) {
    super(scope, id);
    const cidr = props.cidr ?? '10.0.0.0/16';
    const zones = props.availabilityZones;
    const natGateways = props.natGateways ?? zones.length;
    const services = props.interfaceEndpoints ?? DEFAULT_INTERFACE_ENDPOINTS;
    this.checkZones(zones);
    checkKnown(this, 'cidr', vpcBlock, cidr);
    checkRule(this, 'cidr', regionRules.BLOCK_START, cidr);
    checkKnown(this, 'natGateways', regionRules.NAT_GATEWAY_COUNT, natGateways, {
      min: 0,
      zones: zones.length,
    });
    this.checkServices(services);

    this.availabilityZones = [...zones];
    this.vpc = this.createVpc(zones, cidr, natGateways);
    this.vpc.addGatewayEndpoint('S3Endpoint', { service: ec2.GatewayVpcEndpointAwsService.S3 });
    this.vpc.addGatewayEndpoint('DynamoDbEndpoint', {
      service: ec2.GatewayVpcEndpointAwsService.DYNAMODB,
    });
    this.flowLogGroup = this.logTraffic(props);
    if (services.length > 0) {
      this.endpointSecurityGroup = new ec2.SecurityGroup(this, 'EndpointSecurityGroup', {
        vpc: this.vpc,
        description: 'Interface endpoints: HTTPS from the VPC',
        allowAllOutbound: false,
      });
      // The literal block, not the VPC's attribute: rule packs cannot evaluate a token.
      this.endpointSecurityGroup.addIngressRule(
        ec2.Peer.ipv4(cidr),
        ec2.Port.tcp(443),
        'HTTPS from the VPC',
      );
    }
    this.interfaceEndpoints = Object.fromEntries(
      services.map((service) => [service, this.addInterfaceEndpoint(service)]),
    );
  }

  private createVpc(zones: readonly string[], cidr: string, natGateways: number): ec2.Vpc {
    const cidrMask = Number(cidr.split('/')[1]) + SUBNET_PREFIX_BELOW_VPC;
    const availabilityZones = [...zones];
    const vpc = withStackZones(Stack.of(this), availabilityZones, () => {
      return new ec2.Vpc(this, 'Vpc', {
        availabilityZones,
        reservedAzs: ZONES.max - zones.length,
        ipAddresses: ec2.IpAddresses.cidr(cidr),
        natGateways,
        restrictDefaultSecurityGroup: true,
        subnetConfiguration: [
          {
            name: 'Public',
            subnetType: ec2.SubnetType.PUBLIC,
            cidrMask,
            mapPublicIpOnLaunch: false,
          },
          {
            name: 'Private',
            subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS,
            cidrMask,
            reserved: natGateways === 0,
          },
          { name: 'Isolated', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask },
        ],
      });
    });
    // CDK appends its placeholders for reserved zones to the given array, which is also
    // `vpc.availabilityZones`.
    availabilityZones.length = zones.length;

    for (const subnet of [...vpc.publicSubnets, ...vpc.privateSubnets, ...vpc.isolatedSubnets]) {
      acknowledge(
        subnet,
        'The zones are named on purpose, in `availabilityZones`, so that synthesis looks ' +
          'nothing up.',
        'CloudFormation-Validate::W3010',
      );
    }
    for (const subnet of vpc.publicSubnets) {
      acknowledge(
        subnet.node.findChild('DefaultRoute'),
        'A public subnet is one with a route to the internet gateway. It holds load ' +
          'balancers and NAT gateways only; nothing gets a public address by itself.',
        'NIST.800.53.R5-VPCNoUnrestrictedRouteToIGW',
        'PCI.DSS.321-VPCNoUnrestrictedRouteToIGW',
      );
    }
    return vpc;
  }

  private addInterfaceEndpoint(service: string): ec2.InterfaceVpcEndpoint {
    return this.vpc.addInterfaceEndpoint(`${service}-Endpoint`, {
      service: new ec2.InterfaceVpcEndpointAwsService(service),
      // Isolated subnets exist with and without NAT gateways.
      subnets: { subnetGroupName: 'Isolated' },
      securityGroups: this.endpointSecurityGroup === undefined ? [] : [this.endpointSecurityGroup],
      open: false,
    });
  }

  private logTraffic(props: RegionNetworkProps): logs.LogGroup {
    const logGroup = loggedGroup(this, 'FlowLogGroup', {
      ...props,
      defaultRetention: logs.RetentionDays.ONE_YEAR,
    });

    // A managed policy that the role names exists before the role does, so no record is lost.
    const policy = new iam.ManagedPolicy(this, 'FlowLogPolicy', {
      description: 'Lets VPC flow logs write to their log group.',
      statements: [
        new iam.PolicyStatement({
          actions: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'],
          resources: [logGroup.logGroupArn],
        }),
      ],
    });
    const role = new iam.Role(this, 'FlowLogRole', {
      description: 'Writes the VPC flow logs to their log group.',
      assumedBy: new iam.ServicePrincipal('vpc-flow-logs.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      managedPolicies: [policy],
    });
    new ec2.CfnFlowLog(this, 'FlowLog', {
      resourceType: 'VPC',
      resourceId: this.vpc.vpcId,
      trafficType: 'ALL',
      logDestinationType: 'cloud-watch-logs',
      logDestination: logGroup.logGroupArn,
      deliverLogsPermissionArn: role.roleArn,
    });
    return logGroup;
  }

  private checkZones(zones: readonly string[]): void {
    checkKnown(this, 'availabilityZones', zoneCount, zones);
    zones.forEach((zone, index) => {
      const property = `availabilityZones[${index}]`;
      checkRule(this, property, regionRules.NETWORK_ZONE, zone, { earlier: zones.slice(0, index) });
      checkRule(this, property, zoneOfStack, zone, { region: Stack.of(this).region });
    });
  }

  private checkServices(services: readonly string[]): void {
    services.forEach((service, index) => {
      const property = `interfaceEndpoints[${index}]`;
      checkRule(this, property, shortServiceName, service);
      checkRule(this, property, noGatewayService, service);
      checkRule(this, property, regionRules.NETWORK_ENDPOINT, service, {
        earlier: services.slice(0, index),
      });
    });
  }
}

/** See `RegionNetwork.fromRegionNetworkAttributes`. */
class ImportedNetwork extends Construct implements IRegionNetwork {
  public readonly vpc: ec2.IVpc;
  public readonly availabilityZones: readonly string[];
  public readonly flowLogGroup?: logs.ILogGroup;
  public readonly endpointSecurityGroup?: ec2.ISecurityGroup;

  constructor(scope: Construct, id: string, attributes: RegionNetworkAttributes) {
    super(scope, id);
    const { flowLogGroupName, endpointSecurityGroupId, ...vpc } = attributes;
    this.vpc = ec2.Vpc.fromVpcAttributes(this, 'Vpc', vpc);
    this.availabilityZones = [...vpc.availabilityZones];
    if (flowLogGroupName !== undefined) {
      this.flowLogGroup = logs.LogGroup.fromLogGroupName(this, 'FlowLogGroup', flowLogGroupName);
    }
    if (endpointSecurityGroupId !== undefined) {
      this.endpointSecurityGroup = ec2.SecurityGroup.fromSecurityGroupId(
        this,
        'EndpointSecurityGroup',
        endpointSecurityGroupId,
      );
    }
  }
}

/**
 * Runs `create` while the stack reports the given zones as its own. `ec2.Vpc` compares its zones
 * with those of its stack, and a stack with a concrete account and region would look them up.
 */
function withStackZones<T>(stack: Stack, zones: readonly string[], create: () => T): T {
  const own = Object.getOwnPropertyDescriptor(stack, 'availabilityZones');
  Object.defineProperty(stack, 'availabilityZones', { configurable: true, value: [...zones] });
  try {
    return create();
  } finally {
    if (own === undefined) Reflect.deleteProperty(stack, 'availabilityZones');
    else Object.defineProperty(stack, 'availabilityZones', own);
  }
}
