import { cpSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CfnOutput, Duration, RemovalPolicy, Size, Stack, Token } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { invalidValue } from '../../../model/errors';
import { checkStatements, readMigrations } from '../../../tools/postgres';
import { handlerDirectory, keptLogGroup } from '../../house-rules';
import { acknowledgeProject } from './findings';
import type { SchemaMigrationsSettings } from './settings';

/** "Quotas for AWS CodeBuild", AWS CodeBuild user guide: the time that a build may take. */
const BUILD_TIMEOUT_MINUTES = { min: 5, max: 2160 };

export interface SchemaMigrationsProps {
  readonly vpc: ec2.IVpc;

  /**
   * Where the project runs. It needs a way out to AWS's endpoints and to
   * `truststore.pki.rds.amazonaws.com`.
   *
   * @default - the private subnets with a way out
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /** The database, such as a `PostgresPrimary`: its security group lets the project in. */
  readonly database: ec2.IConnectable;

  /**
   * The name of the writer's endpoint, which its certificate has. Not that of a proxy or a pooler.
   */
  readonly host: string;

  /** The database on the server. */
  readonly databaseName: string;

  /** A secret with `username` and `password`, read when a run starts. */
  readonly credentials: secretsmanager.ISecret;

  /**
   * The folder of SQL files, `0001-name.sql` and so on. It is checked at synthesis as far as that
   * needs no server.
   */
  readonly folder: string;

  /**
   * The port.
   *
   * @default 5432
   */
  readonly port?: number;

  /**
   * How long a run may take, 5 minutes to 36 hours. What is stopped goes on with the next run.
   *
   * @default Duration.hours(36)
   */
  readonly timeout?: Duration;

  /**
   * How long a statement waits for a lock, before it gives way to what waits behind it and is tried
   * again.
   *
   * @default Duration.seconds(4)
   */
  readonly lockTimeout?: Duration;

  /**
   * From which size on a table is large: what would stop its traffic for long is then refused.
   *
   * @default Size.mebibytes(125)
   */
  readonly largeTable?: Size;

  /**
   * How long the logs are kept.
   *
   * @default logs.RetentionDays.ONE_YEAR
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * The key for the logs and for what CodeBuild keeps.
   *
   * @default - keys of AWS
   */
  readonly logEncryptionKey?: kms.IKey;

  /**
   * What becomes of the logs when the construct goes.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A folder of SQL files, applied to a database outside of the deployment: by a CodeBuild project in
 * the VPC, for as long as 36 hours.
 *
 * A deployment brings the files and starts nothing. `startCommand`, also an output, does, when the
 * deployment is through.
 *
 * @throws IsochroneError for files that a run would refuse, or for a time that CodeBuild does not
 * take
 */
export class SchemaMigrations extends Construct implements ec2.IConnectable {
  public readonly project: codebuild.Project;
  public readonly connections: ec2.Connections;
  public readonly logGroup: logs.LogGroup;
  /** What starts a run. */
  public readonly startCommand: string;

  constructor(scope: Construct, id: string, props: SchemaMigrationsProps) {
    super(scope, id);
    const port = props.port ?? 5432;
    const timeout = props.timeout ?? Duration.hours(36);
    this.checkTimeout(timeout);
    checkStatements(readMigrations(props.folder));

    const securityGroup = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc: props.vpc,
      description: 'Schema migrations',
      allowAllOutbound: false,
    });
    // AWS's endpoints and the certificates of RDS: neither has addresses that could be named here.
    securityGroup.addEgressRule(
      ec2.Peer.anyIpv4(),
      ec2.Port.tcp(443),
      'AWS endpoints, and the certificate authorities of RDS',
    );
    this.connections = new ec2.Connections({ securityGroups: [securityGroup] });
    this.connections.allowTo(props.database, ec2.Port.tcp(port), 'Schema migrations');

    this.logGroup = keptLogGroup(this, 'Logs', {
      retention: props.logRetention ?? logs.RetentionDays.ONE_YEAR,
      encryptionKey: props.logEncryptionKey,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    });
    const role = new iam.Role(this, 'Role', {
      description: 'Applies schema migrations.',
      assumedBy: new iam.ServicePrincipal('codebuild.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    const code = this.code(props);
    this.project = new codebuild.Project(this, 'Project', {
      description: 'Applies the SQL files of this version that the database has not had yet.',
      role,
      source: codebuild.Source.s3({ bucket: code.bucket, path: code.s3ObjectKey }),
      buildSpec: codebuild.BuildSpec.fromObject(
        buildSpec(Stack.of(this).region, props.credentials.secretArn),
      ),
      environment: {
        buildImage: codebuild.LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_3_0,
        computeType: codebuild.ComputeType.SMALL,
      },
      environmentVariables: {
        PGHOST: { value: props.host },
        PGPORT: { value: String(port) },
        PGDATABASE: { value: props.databaseName },
      },
      vpc: props.vpc,
      subnetSelection: props.vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      securityGroups: [securityGroup],
      timeout,
      concurrentBuildLimit: 1,
      encryptionKey: props.logEncryptionKey,
      logging: { cloudWatch: { logGroup: this.logGroup } },
      grantReportGroupPermissions: false,
    });
    props.credentials.grantRead(role);
    this.startCommand = `aws codebuild start-build --region ${Stack.of(this).region} --project-name ${this.project.projectName}`;
    new CfnOutput(this, 'StartCommand', {
      value: this.startCommand,
      description: 'Applies the migrations of this version.',
    });
    acknowledgeProject(this.project, role, props.logEncryptionKey);
  }

  /** The handler with the folder beside it: an asset that changes with either. */
  private code(props: SchemaMigrationsProps): Asset {
    const settings: SchemaMigrationsSettings = {
      lockTimeoutMs: (props.lockTimeout ?? Duration.seconds(4)).toMilliseconds(),
      largeTableBytes: (props.largeTable ?? Size.mebibytes(125)).toBytes(),
    };
    const directory = handlerDirectory('schema-migrations', settings);
    cpSync(props.folder, join(directory, 'migrations'), {
      recursive: true,
      filter: (path) => path === props.folder || basename(path).endsWith('.sql'),
    });
    return new Asset(this, 'Code', { path: directory });
  }

  private checkTimeout(timeout: Duration): void {
    if (Token.isUnresolved(timeout) || timeout.isUnresolved()) return;
    const minutes = timeout.toMinutes({ integral: false });
    const { min, max } = BUILD_TIMEOUT_MINUTES;
    if (Number.isInteger(minutes) && minutes >= min && minutes <= max) return;
    throw invalidValue(this, {
      property: 'timeout',
      value: minutes,
      allowed: `${min} to ${max} whole minutes`,
      rule: 'CodeBuild ends a build after 36 hours at the latest.',
      fix: 'Give a time in between: what is stopped goes on with the next run.',
    });
  }
}

/**
 * Runs in AWS: Node.js is of the image, and the authorities of RDS come from where AWS publishes
 * them, over TLS that the image's own authorities vouch for ("Using SSL/TLS to encrypt a connection
 * to a DB instance", Amazon RDS user guide).
 */
function buildSpec(region: string, secret: string): object {
  const url = `https://truststore.pki.rds.amazonaws.com/${region}/${region}-bundle.pem`;
  return {
    version: '0.2',
    env: {
      variables: { RDS_CA_FILE: '/tmp/rds-ca.pem' },
      // CodeBuild reads them when a build starts, and puts asterisks for them in its log.
      'secrets-manager': { PGUSER: `${secret}:username`, PGPASSWORD: `${secret}:password` },
    },
    phases: {
      build: {
        commands: [
          `curl --silent --show-error --fail --proto =https --retry 5 --retry-all-errors --output "$RDS_CA_FILE" ${url}`,
          'node index.js',
        ],
      },
    },
  };
}
