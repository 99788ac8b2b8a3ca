/** A function beside a database: in its network, without a way out, logging in by IAM. */
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as rds from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import { acknowledge, handlerDirectory, keptLogGroup } from '../house-rules';

/** The database that a function logs in to. */
export interface DatabaseLogin {
  readonly instance: rds.IDatabaseInstance;
  /** What lets the function in: `connections` of the construct that made the instance. */
  readonly access: ec2.IConnectable;
  /** A role of PostgreSQL that has `rds_iam`. */
  readonly user: string;
  /**
   * The database.
   *
   * @default 'postgres'
   */
  readonly database?: string;
}

/** Where the function runs and how its logs are kept. */
export interface DatabaseFunctionSettings {
  readonly vpc: ec2.IVpc;
  /**
   * Where the function runs.
   *
   * @default - the isolated subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;
  /**
   * How long its logs are kept.
   *
   * @default RetentionDays.ONE_YEAR
   */
  readonly logRetention?: logs.RetentionDays;
  /**
   * A key of this region for the logs.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;
  /**
   * What happens to the logs when this is removed from the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

export interface DatabaseFunctionProps extends DatabaseFunctionSettings {
  readonly login: DatabaseLogin;
  readonly handler: string;
  readonly description: string;
  readonly timeout: Duration;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The function, its role, its log group and its way to one database. */
export class DatabaseFunction extends Construct {
  public readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: DatabaseFunctionProps) {
    super(scope, id);
    const { login } = props;
    const logGroup = keptLogGroup(this, 'Logs', {
      retention: props.logRetention ?? logs.RetentionDays.ONE_YEAR,
      encryptionKey: props.logEncryptionKey,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    });
    const securityGroup = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc: props.vpc,
      description: props.description,
      allowAllOutbound: false,
    });
    const role = this.createRole(props.description);
    logGroup.grantWrite(role);
    this.function = new lambda.Function(this, 'Function', {
      description: props.description,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambda.Code.fromAsset(handlerDirectory(props.handler)),
      handler: 'index.handler',
      memorySize: 256,
      timeout: props.timeout,
      // Whoever asks, asks again: the automation by its own rules, the schedule with the next look.
      retryAttempts: 0,
      // One at a time: who reads or promotes twice at once learns nothing more.
      reservedConcurrentExecutions: 1,
      vpc: props.vpc,
      vpcSubnets: props.vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      securityGroups: [securityGroup],
      role,
      logGroup,
      environment: {
        DATABASE_HOST: login.instance.dbInstanceEndpointAddress,
        DATABASE_PORT: login.instance.dbInstanceEndpointPort,
        DATABASE_USER: login.user,
        DATABASE_NAME: login.database ?? 'postgres',
        // Since Node.js 20, the runtime trusts the certificates of RDS only when told so: "Building
        // Lambda functions with Node.js".
        NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
        ...props.environment,
      },
    });
    this.function.connections.allowToDefaultPort(login.access, props.description);
    login.instance.grantConnect(role, login.user);
    acknowledge(
      this.function,
      'Its caller waits for the answer, sees the failure and calls again, or the next scheduled run does: no event is lost that a queue could keep.',
      'NIST.800.53.R5-LambdaDLQ',
    );
  }

  /** AWS's managed policy for functions in a network would also let it write to every log group. */
  private createRole(description: string): iam.Role {
    const role = new iam.Role(this, 'Role', {
      description,
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    });
    const policy = new iam.ManagedPolicy(this, 'Network', {
      description: 'The network interfaces of one function.',
      roles: [role],
      statements: [
        new iam.PolicyStatement({
          actions: [
            'ec2:CreateNetworkInterface',
            'ec2:DescribeNetworkInterfaces',
            'ec2:DescribeSubnets',
            'ec2:DeleteNetworkInterface',
            'ec2:AssignPrivateIpAddresses',
            'ec2:UnassignPrivateIpAddresses',
          ],
          resources: ['*'],
        }),
      ],
    });
    acknowledge(
      policy,
      'Lambda makes the interfaces in the name of the role, before they have ids; it refuses a role without these six actions on all of them ("Giving Lambda functions access to resources in an Amazon VPC").',
      'AwsSolutions-IAM5[Resource::*]',
    );
    acknowledge(
      role,
      'What is granted to the function stands in the default policy of its role, one policy per role as CDK writes it. It serves this role only and goes with it.',
      'NIST.800.53.R5-IAMNoInlinePolicy',
      'PCI.DSS.321-IAMNoInlinePolicy',
    );
    return role;
  }
}
