/** A function in the network of a database, without egress, that logs in by IAM. */
import type { Duration } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as rds from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import {
  acknowledge,
  acknowledgeInlinePolicies,
  handlerDirectory,
  type IsolatedProps,
  isolatedSubnets,
  type LoggedProps,
  loggedGroup,
} from '../house-rules';

/** The database that a function logs in to. */
export interface DatabaseLogin {
  readonly instance: rds.IDatabaseInstance;
  /** Allows the function to reach the instance: the construct that created the instance. */
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

/** The network of the function and its log, which is kept for a year by default. */
export interface DatabaseFunctionSettings extends IsolatedProps, LoggedProps {}

export interface DatabaseFunctionProps extends DatabaseFunctionSettings {
  readonly login: DatabaseLogin;
  /** The name of the bundled handler. */
  readonly handler: string;
  readonly description: string;
  readonly timeout: Duration;
  /** @default - only the variables of the login */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The function with its role, its log group and its access to one database. */
export class DatabaseFunction extends Construct {
  public readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: DatabaseFunctionProps) {
    super(scope, id);
    const { login } = props;
    const logGroup = loggedGroup(this, 'Logs', {
      ...props,
      defaultRetention: logs.RetentionDays.ONE_YEAR,
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
      // The caller retries: the automation by its own rules, the schedule with the next run.
      retryAttempts: 0,
      // Concurrent runs would read the same.
      reservedConcurrentExecutions: 1,
      vpc: props.vpc,
      vpcSubnets: isolatedSubnets(props),
      securityGroups: [securityGroup],
      role,
      logGroup,
      environment: {
        DATABASE_HOST: login.instance.dbInstanceEndpointAddress,
        DATABASE_PORT: login.instance.dbInstanceEndpointPort,
        DATABASE_USER: login.user,
        DATABASE_NAME: login.database ?? 'postgres',
        // Since Node.js 20, the runtime trusts the certificates of RDS only with this setting:
        // "Building Lambda functions with Node.js", AWS Lambda developer guide.
        NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
        ...props.environment,
      },
    });
    this.function.connections.allowToDefaultPort(login.access, props.description);
    login.instance.grantConnect(role, login.user);
    acknowledge(
      this.function,
      'Its caller waits for the answer, sees the failure and calls again, or the next scheduled ' +
        'run does: no event is lost that a queue could keep.',
      'NIST.800.53.R5-LambdaDLQ',
    );
  }

  /**
   * Without AWS's managed policy for functions in a VPC, which allows writing to every log group.
   */
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
      'Lambda makes the interfaces in the name of the role, before they have ids; it refuses a ' +
        'role without these six actions on all of them ("Giving Lambda functions access to ' +
        'resources in an Amazon VPC").',
      'AwsSolutions-IAM5[Resource::*]',
    );
    acknowledgeInlinePolicies(
      role,
      'What is granted to the function stands in the default policy of its role, one policy per ' +
        'role as CDK writes it. It serves this role only and goes with it.',
    );
    return role;
  }
}
