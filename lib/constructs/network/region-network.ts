import { RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { invalidValue } from '../../model/errors';
import { acknowledge, keptLogGroup } from '../house-rules';

/**
 * The address space is laid out for this many zones from the start, so that a zone added later
 * moves no subnet.
 */
const ZONES = { min: 2, max: 6 } as const;

/**
 * Prefix lengths of the VPC. Three kinds of subnet in six zones need 18 equal blocks, so a subnet
 * is a 32nd of the VPC. The largest is what a VPC allows ("VPC CIDR blocks", Amazon VPC user
 * guide); the smallest leaves /27 to a subnet, the least that a load balancer takes ("Subnets for
 * your load balancer", Elastic Load Balancing user guide).
 */
const VPC_PREFIX = { min: 16, max: 22 } as const;
const SUBNET_PREFIX_BELOW_VPC = 5;

/**
 * What instances in subnets without a way out need: secrets, Session Manager, logs, metrics, keys.
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

export interface RegionNetworkProps {
  /**
   * The names of the availability zones, such as `ap-southeast-1a`; 2 to 6. Naming them is what
   * spares a look-up at synthesis.
   *
   * Their order is part of the layout: add a zone at the end. Taking one from the middle moves the
   * subnets of those after it.
   */
  readonly availabilityZones: readonly string[];

  /**
   * The VPC's IPv4 block, /16 to /22. Each subnet is a 32nd of it: of a /16, 2,043 addresses each.
   *
   * @default '10.0.0.0/16'
   */
  readonly cidr?: string;

  /**
   * NAT gateways, 0 to the number of zones.
   *
   * One per zone: the loss of a zone leaves the others their way out. Fewer: private subnets of
   * zones without one go out through another zone, pay for the traffic between zones, and lose
   * their way out with it. None: there are no `Private` subnets at all, since nothing could leave
   * them; use `Isolated`, which reach AWS through the endpoints. Their addresses stay reserved, so
   * that NAT gateways can come later without moving a subnet.
   *
   * @default - one per zone
   */
  readonly natGateways?: number;

  /**
   * AWS services that are reachable without internet, by the last part of the endpoint's name, such
   * as `kms` or `ecr.api`. Each costs an hourly fee per zone. S3 and DynamoDB are always reachable,
   * by gateway endpoints, which are free.
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
   * A key of this region for the flow logs. A key of this app is told to let CloudWatch Logs use
   * it; an imported one must do so already.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;

  /**
   * What happens to the flow logs when the network is removed. The VPC itself holds no data and
   * goes.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * The network of one region: a VPC with `Public`, `Private` (with a way out) and `Isolated` subnets
 * in each named zone, endpoints for AWS's services, and a log of all traffic.
 *
 * The default security group is emptied by CDK's custom resource. CloudFormation cannot remove the
 * rules that AWS puts into it, and a group that is merely unused is still open to whatever names no
 * group; AWS Security Hub reports it (EC2.2) in the account whatever we write here.
 *
 * @throws IsochroneError for zones of another region, a block that does not hold the subnets, or
 * more NAT gateways than zones
 */
export class RegionNetwork extends Construct {
  public readonly vpc: ec2.Vpc;
  /** The zones in the order given. */
  public readonly availabilityZones: readonly string[];
  public readonly flowLogGroup: logs.LogGroup;
  /**
   * The security group of all interface endpoints: HTTPS from the VPC, nothing else. Absent without
   * interface endpoints.
   */
  public readonly endpointSecurityGroup?: ec2.SecurityGroup;
  /** The interface endpoints by the name they were asked for. */
  public readonly interfaceEndpoints: Readonly<Record<string, ec2.InterfaceVpcEndpoint>>;

  constructor(scope: Construct, id: string, props: RegionNetworkProps) {
    super(scope, id);
    const cidr = props.cidr ?? '10.0.0.0/16';
    const zones = props.availabilityZones;
    const natGateways = props.natGateways ?? zones.length;
    const services = props.interfaceEndpoints ?? DEFAULT_INTERFACE_ENDPOINTS;
    this.checkZones(zones);
    this.checkCidr(cidr);
    this.checkNatGateways(natGateways, zones.length);
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
      // The block as written, not the VPC's attribute: rule packs can only judge what they can
      // read.
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
    // CDK appends its placeholders for reserved zones to the array it was given, which is also
    // `vpc.availabilityZones`.
    availabilityZones.length = zones.length;

    for (const subnet of [...vpc.publicSubnets, ...vpc.privateSubnets, ...vpc.isolatedSubnets]) {
      acknowledge(
        subnet,
        'The zones are named on purpose, in `availabilityZones`, so that synthesis looks nothing up.',
        'CloudFormation-Validate::W3010',
      );
    }
    for (const subnet of vpc.publicSubnets) {
      acknowledge(
        subnet.node.findChild('DefaultRoute'),
        'A public subnet is one with a route to the internet gateway. It holds load balancers and NAT gateways only; nothing gets a public address by itself.',
        'NIST.800.53.R5-VPCNoUnrestrictedRouteToIGW',
        'PCI.DSS.321-VPCNoUnrestrictedRouteToIGW',
      );
    }
    return vpc;
  }

  private addInterfaceEndpoint(service: string): ec2.InterfaceVpcEndpoint {
    return this.vpc.addInterfaceEndpoint(`${service}-Endpoint`, {
      service: new ec2.InterfaceVpcEndpointAwsService(service),
      // They exist whether or not there are NAT gateways.
      subnets: { subnetGroupName: 'Isolated' },
      securityGroups: this.endpointSecurityGroup === undefined ? [] : [this.endpointSecurityGroup],
      open: false,
    });
  }

  private logTraffic(props: RegionNetworkProps): logs.LogGroup {
    const stack = Stack.of(this);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    const logGroup = keptLogGroup(this, 'FlowLogGroup', {
      retention: props.logRetention ?? logs.RetentionDays.ONE_YEAR,
      encryptionKey: props.logEncryptionKey,
      removalPolicy,
    });

    // A policy of its own, attached by the role: it exists before the role does, so the first
    // records are not lost.
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
        conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
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
    if (zones.length < ZONES.min || zones.length > ZONES.max) {
      throw invalidValue(this, {
        property: 'availabilityZones',
        value: zones,
        allowed: `${ZONES.min} to ${ZONES.max} zones`,
        rule: 'Load balancers and RDS subnet groups need two zones, and the address space is laid out for six.',
        fix: 'Name 2 to 6 zones.',
      });
    }
    const named = zones.filter((zone) => !Token.isUnresolved(zone));
    if (new Set(named).size !== named.length) {
      throw invalidValue(this, {
        property: 'availabilityZones',
        value: zones,
        allowed: 'different zones',
        rule: 'Two sets of subnets in one zone fail together.',
        fix: 'Name each zone once.',
      });
    }
    const { region } = Stack.of(this);
    if (Token.isUnresolved(region)) return;
    for (const zone of named) {
      if (/^[a-z]$/.test(zone.slice(region.length)) && zone.startsWith(region)) continue;
      throw invalidValue(this, {
        property: 'availabilityZones',
        value: zone,
        allowed: `zones of ${region}`,
        rule: "A VPC's subnets lie in availability zones of its own region.",
        fix: `Name zones such as ${region}a, or give the stack the region of these zones.`,
      });
    }
  }

  private checkCidr(cidr: string): void {
    if (Token.isUnresolved(cidr)) {
      throw invalidValue(this, {
        property: 'cidr',
        value: cidr,
        allowed: 'known at synthesis',
        rule: 'The subnets are cut out of it at synthesis.',
        fix: 'Give it as text, such as 10.0.0.0/16.',
      });
    }
    const [address = '', prefix = ''] = cidr.split('/');
    const octets = address.split('.');
    const isAddress =
      octets.length === 4 &&
      octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255);
    const isPrefix =
      /^\d{2}$/.test(prefix) &&
      Number(prefix) >= VPC_PREFIX.min &&
      Number(prefix) <= VPC_PREFIX.max;
    const bits = octets.reduce((sum, octet) => sum * 256 + Number(octet), 0);
    if (
      !isAddress ||
      !isPrefix ||
      cidr.split('/').length !== 2 ||
      bits % 2 ** (32 - Number(prefix)) !== 0
    ) {
      throw invalidValue(this, {
        property: 'cidr',
        value: cidr,
        allowed: `the first address of an IPv4 block and its length, /${VPC_PREFIX.min} to /${VPC_PREFIX.max}`,
        rule: 'A VPC is at most a /16; a subnet is a 32nd of it, and load balancers need a /27.',
        fix: 'Give a block such as 10.0.0.0/16 or 10.8.64.0/20.',
      });
    }
  }

  private checkNatGateways(natGateways: number, zones: number): void {
    if (Number.isInteger(natGateways) && natGateways >= 0 && natGateways <= zones) return;
    throw invalidValue(this, {
      property: 'natGateways',
      value: natGateways,
      allowed: `a whole number, 0 to ${zones}`,
      rule: 'A second NAT gateway in a zone would stand idle, and the number must be known at synthesis.',
      fix: 'Leave it out for one per zone.',
    });
  }

  private checkServices(services: readonly string[]): void {
    for (const [index, service] of services.entries()) {
      if (!/^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(service) || service.startsWith('com.amazonaws.')) {
        throw invalidValue(this, {
          property: `interfaceEndpoints[${index}]`,
          value: service,
          allowed: 'the short name of a service, such as kms or ecr.api',
          rule: 'The full name, com.amazonaws.<region>.<name>, is made from the region of the stack.',
          fix: 'Give the last part alone.',
        });
      }
      if (service === 's3' || service === 'dynamodb' || services.indexOf(service) !== index) {
        throw invalidValue(this, {
          property: `interfaceEndpoints[${index}]`,
          value: service,
          allowed: 'a service that has no endpoint in this network yet',
          rule: 'S3 and DynamoDB have gateway endpoints already, and two endpoints of one service cannot share its private DNS name.',
          fix: 'Leave it out.',
        });
      }
    }
  }
}

/**
 * `ec2.Vpc` compares the zones it is given with those of its stack, and a stack with a concrete
 * account and region looks its zones up for that. While `create` runs, the stack answers with the
 * zones given instead.
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
