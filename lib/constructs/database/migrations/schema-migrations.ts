import { cpSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ArnFormat, Aws, CfnOutput, Duration, Size, Stack } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { isWholeNumber, type Rule } from '../../../model/rules';
import { checkFolder, type MigrationFormat } from '../../../tools/postgres';
import {
  acknowledge,
  acknowledgeInlinePolicies,
  checkDuration,
  handlerDirectory,
  type LoggedProps,
  loggedGroup,
  wildcardFinding,
} from '../../house-rules';
import type { SchemaMigrationsSettings } from './settings';

/** "Quotas for AWS CodeBuild", AWS CodeBuild user guide: the time that a build may take. */
const BUILD_TIMEOUT_MINUTES = { min: 5, max: 2160 };

const BUILD_TIMEOUT: Rule<number> = {
  allows: (minutes) => isWholeNumber(minutes, BUILD_TIMEOUT_MINUTES),
  allowed: `${BUILD_TIMEOUT_MINUTES.min} to ${BUILD_TIMEOUT_MINUTES.max} whole minutes`,
  rule: 'CodeBuild ends a build after at most 36 hours.',
  fix: 'Choose a time in between: the next run continues a run that was stopped.',
};

/** The project's log is kept for a year by default. */
export interface SchemaMigrationsProps extends LoggedProps {
  readonly vpc: ec2.IVpc;

  /**
   * The subnets of the project. It needs egress to AWS's endpoints and to
   * `truststore.pki.rds.amazonaws.com`.
   *
   * @default - the private subnets with egress
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /** The database, such as a `PostgresPrimary`. Its security group gets a rule for the project. */
  readonly database: ec2.IConnectable;

  /**
   * The host name of the writer's endpoint, which is in its certificate. Not that of a proxy or a
   * pooler.
   */
  readonly host: string;

  /** The database on the server. */
  readonly databaseName: string;

  /** A secret with `username` and `password`, read when a run starts. */
  readonly credentials: secretsmanager.ISecret;

  /**
   * The folder of SQL files, `0001-name.sql` and so on, or that of another migration tool. Synthesis
   * checks them as far as possible without a server.
   */
  readonly folder: string;

  /**
   * The tool whose folder it is.
   *
   * @default - found out from the names and the texts of the files
   */
  readonly format?: MigrationFormat;

  /**
   * What the database had before the first run: the version up to which files count as applied, or
   * `auto` for what the tool of the folder has recorded in its own table. Files that a run has
   * recorded already stay as they are. Synthesis does not check files up to this version, and with
   * `auto` none.
   *
   * @default - nothing; a run refuses a database in which the tool has run
   */
  readonly baseline?: string;

  /**
   * The port.
   *
   * @default 5432
   */
  readonly port?: number;

  /**
   * How long a run may take, 5 minutes to 36 hours. The next run continues a run that was stopped.
   *
   * @default Duration.hours(36)
   */
  readonly timeout?: Duration;

  /**
   * How long a statement waits for a lock. Then it is canceled, so that the statements behind it
   * can run, and tried again.
   *
   * @default Duration.seconds(4)
   */
  readonly lockTimeout?: Duration;

  /**
   * The size from which a table is large. Statements that would block it for long are then refused.
   *
   * @default Size.mebibytes(125)
   */
  readonly largeTable?: Size;

  /**
   * A key of the construct's region for the log and the project's artifacts. A key of this app is
   * told to let CloudWatch Logs use it; an imported key must allow that already.
   *
   * @default - keys of AWS
   */
  readonly logEncryptionKey?: kms.IKey;
}

/**
 * A folder of SQL files, applied to a database outside of the deployment, by a CodeBuild project in
 * the VPC. A run may take up to 36 hours.
 *
 * A deployment uploads the files and starts nothing. `startCommand`, also an output, starts a run
 * after the deployment.
 *
 * @throws IsochroneError for files that a run would refuse, or for a time that CodeBuild does not
 * accept
 */
export class SchemaMigrations extends Construct implements ec2.IConnectable {
  public readonly project: codebuild.Project;
  public readonly connections: ec2.Connections;
  public readonly logGroup: logs.LogGroup;
  /** The command that starts a run. */
  public readonly startCommand: string;

  constructor(scope: Construct, id: string, props: SchemaMigrationsProps) {
    super(scope, id);
    const port = props.port ?? 5432;
    const timeout = props.timeout ?? Duration.hours(36);
    checkDuration(this, 'timeout', BUILD_TIMEOUT, timeout, 'minutes');
    checkFolder(props.folder, props);

    const securityGroup = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc: props.vpc,
      description: 'Schema migrations',
      allowAllOutbound: false,
    });
    // Neither AWS's endpoints nor the certificates of RDS have fixed addresses.
    securityGroup.addEgressRule(
      ec2.Peer.anyIpv4(),
      ec2.Port.tcp(443),
      'AWS endpoints, and the certificate authorities of RDS',
    );
    this.connections = new ec2.Connections({ securityGroups: [securityGroup] });
    this.connections.allowTo(props.database, ec2.Port.tcp(port), 'Schema migrations');

    this.logGroup = loggedGroup(this, 'Logs', {
      ...props,
      defaultRetention: logs.RetentionDays.ONE_YEAR,
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
    this.startCommand =
      `aws codebuild start-build --region ${Stack.of(this).region} ` +
      `--project-name ${this.project.projectName}`;
    new CfnOutput(this, 'StartCommand', {
      value: this.startCommand,
      description: 'Applies the migrations of this version.',
    });
    acknowledgeProject(this.project, role, props.logEncryptionKey);
  }

  /** The handler and the folder as one asset, which changes with either. */
  private code(props: SchemaMigrationsProps): Asset {
    const settings: SchemaMigrationsSettings = {
      lockTimeoutMs: (props.lockTimeout ?? Duration.seconds(4)).toMilliseconds(),
      largeTableBytes: (props.largeTable ?? Size.mebibytes(125)).toBytes(),
      format: props.format,
      baseline: props.baseline,
    };
    const directory = handlerDirectory('schema-migrations', settings);
    cpSync(props.folder, join(directory, 'migrations'), {
      recursive: true,
      // The layouts of some tools have folders, and files with settings.
      filter: (path) => /\.(?:sql|toml|conf)$/.test(path) || statSync(path).isDirectory(),
    });
    return new Asset(this, 'Code', { path: directory });
  }
}

/**
 * The commands of a run. The image has Node.js. The certificate authorities of RDS are downloaded
 * from AWS, over TLS that the image's own authorities verify ("Using SSL/TLS to encrypt a
 * connection to a DB instance", Amazon RDS user guide).
 */
function buildSpec(region: string, secret: string): object {
  const url = `https://truststore.pki.rds.amazonaws.com/${region}/${region}-bundle.pem`;
  return {
    version: '0.2',
    env: {
      variables: { RDS_CA_FILE: '/tmp/rds-ca.pem' },
      // CodeBuild reads them when a build starts, and masks them in its log.
      'secrets-manager': { PGUSER: `${secret}:username`, PGPASSWORD: `${secret}:password` },
    },
    phases: {
      build: {
        commands: [
          `curl --silent --show-error --fail --proto =https --retry 5 --retry-all-errors ` +
            `--output "$RDS_CA_FILE" ${url}`,
          'node index.js',
        ],
      },
    },
  };
}

/** Acknowledges the findings of the rule packs on the project and its role. */
function acknowledgeProject(
  project: codebuild.Project,
  role: iam.Role,
  encryptionKey: kms.IKey | undefined,
): void {
  const logArn = Stack.of(role).formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: `/aws/codebuild/${project.projectName}:*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  const why =
    'What the project may do stands in policies of its role, as CDK writes them. They serve this ' +
    'role only and go with it.';
  acknowledgeInlinePolicies(role, why);
  acknowledgeInlinePolicies(project, why);
  acknowledge(
    role,
    "CDK's own grant to read this one archive: the actions read, the object is named, and the " +
      "bucket is that of CDK's assets.",
    'AwsSolutions-IAM5[Action::s3:GetBucket*]',
    'AwsSolutions-IAM5[Action::s3:GetObject*]',
    'AwsSolutions-IAM5[Action::s3:List*]',
  );
  acknowledge(
    role,
    'CodeBuild makes a network interface in the subnets for each build, whose id nobody knows ' +
      'before. Permission is given to CodeBuild alone, for these subnets.',
    wildcardFinding(
      role,
      `arn:${Aws.PARTITION}:ec2:${Aws.REGION}:${Aws.ACCOUNT_ID}:network-interface/*`,
    ),
  );
  acknowledge(
    role,
    'The streams of one log group: CodeBuild names one for each build.',
    wildcardFinding(role, logArn),
  );
  acknowledge(
    project,
    'Creating and deleting the network interface of a build, and describing networks, take no ' +
      'resources: "Allow CodeBuild access to AWS services required to create a VPC network ' +
      'interface", AWS CodeBuild user guide.',
    'AwsSolutions-IAM5[Resource::*]',
  );
  acknowledge(
    project,
    'The source is an archive of S3. The rule is about GitHub and Bitbucket, and cannot read the ' +
      'name of a bucket that is known at deployment.',
    'NIST.800.53.R5-CodeBuildProjectSourceRepoUrl',
    'PCI.DSS.321-CodeBuildProjectSourceRepoUrl',
  );
  if (encryptionKey === undefined) {
    acknowledge(
      project,
      "A run makes no artifacts; CodeBuild encrypts what it keeps with AWS's key for S3. Give " +
        '`logEncryptionKey` for a key of your own.',
      'AwsSolutions-CB4',
    );
    return;
  }
  acknowledge(
    role,
    "CDK's own grant to encrypt and decrypt: the names stand for two actions each, and the key " +
      'is named.',
    'AwsSolutions-IAM5[Action::kms:GenerateDataKey*]',
    'AwsSolutions-IAM5[Action::kms:ReEncrypt*]',
  );
}
