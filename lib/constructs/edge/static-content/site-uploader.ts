import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Size, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import * as s3deploy from 'aws-cdk-lib/aws-s3-deployment';
import { Construct } from 'constructs';
import { IsochroneError, invalidValue } from '../../../model/errors';
import { acknowledge, loggedGroup, wildcardFinding } from '../../house-rules';
import { filesIn, isUploaded, type SiteFiles } from './site-files';

/**
 * The disk of the function, for an archive and its content. The number is not round on purpose: all
 * bucket deployments of a stack with the same disk size share one function, and a function of
 * someone else's deployment would have no permission here.
 */
const DISK = Size.mebibytes(2049);

const ID = 'StaticContentUpload';

/**
 * Uploads the sites of a stack with one function of CDK for all of them. The function has a log and
 * a role that allows nothing but the upload.
 */
export class SiteUploader extends Construct {
  /**
   * The uploader of a site's stack.
   *
   * @throws IsochroneError if it exists with another key
   */
  public static for(site: Construct, logEncryptionKey: kms.IKey | undefined): SiteUploader {
    const stack = Stack.of(site);
    const existing = stack.node.tryFindChild(ID) as SiteUploader | undefined;
    if (existing === undefined) return new SiteUploader(stack, logEncryptionKey);
    if (existing.logEncryptionKey === logEncryptionKey) return existing;
    throw invalidValue(site, {
      property: 'logEncryptionKey',
      value: logEncryptionKey?.node.path,
      allowed:
        "that of the stack's other static content, " +
        (existing.logEncryptionKey?.node.path ?? 'left out'),
      rule: 'One function uploads all static content of a stack, and it has one log.',
      fix: 'Give all of them the same key, or no key.',
    });
  }

  private readonly role: iam.Role;
  /** The same role for CDK's deployments, which would add the permission to delete. */
  private readonly fixedRole: iam.IRole;
  private readonly logGroup: logs.ILogGroup;
  private function?: lambda.Function;

  private constructor(
    stack: Stack,
    private readonly logEncryptionKey: kms.IKey | undefined,
  ) {
    super(stack, ID);
    this.logGroup = loggedGroup(this, 'LogGroup', {
      defaultRetention: logs.RetentionDays.THREE_MONTHS,
      logEncryptionKey,
    });
    const logPolicy = new iam.ManagedPolicy(this, 'LogPolicy', {
      description: 'Lets the upload of static content write its log.',
      statements: [
        new iam.PolicyStatement({
          actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
          resources: [this.logGroup.logGroupArn],
        }),
      ],
    });
    this.role = new iam.Role(this, 'Role', {
      description: 'Uploads static content to its buckets, and deletes nothing',
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      managedPolicies: [logPolicy],
    });
    this.fixedRole = this.role.withoutPolicyUpdates();
  }

  /**
   * Uploads a folder, one kind of files after the other. A kind without files has no upload.
   *
   * @returns the last upload, on which to depend if all files must be there
   */
  public upload(
    site: Construct,
    source: string,
    kinds: readonly SiteFiles[],
    bucket: s3.Bucket,
  ): Construct {
    const files = filesIn(source);
    const parts = kinds
      .map(({ kind, filters, cacheControl }) => ({
        kind,
        cacheControl,
        files: files.filter((file) => isUploaded(file, filters)),
      }))
      .filter((part) => part.files.length > 0)
      .map((part) => ({ ...part, asset: assetOf(site, `${part.kind}Files`, source, part.files) }));
    const [first] = parts;
    if (first === undefined)
      throw new IsochroneError(
        `${site.node.path}: ${JSON.stringify(source)} has no file of a kind that is uploaded.`,
      );
    const policy = this.allow(site, first.asset.bucket, bucket);
    return parts.reduce<Construct>((before, { kind, cacheControl, asset }) => {
      const deployment = this.deploy(site, `Upload${kind}`, asset, cacheControl, bucket);
      deployment.node.addDependency(before);
      return deployment;
    }, policy);
  }

  /**
   * Allows the upload to read all assets, not only those of this version of the site. A policy that
   * named the assets would change with each version, and IAM might not have distributed it when the
   * upload begins. A refused upload rolls the whole stack back.
   */
  private allow(site: Construct, assets: s3.IBucket, bucket: s3.Bucket): iam.ManagedPolicy {
    const policy = new iam.ManagedPolicy(site, 'UploadPolicy', {
      description: 'Lets static content be read from the assets of CDK and uploaded to its bucket.',
      roles: [this.role],
      statements: [
        new iam.PolicyStatement({
          actions: ['s3:GetObject'],
          resources: [assets.arnForObjects('*')],
        }),
        new iam.PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
        new iam.PolicyStatement({
          actions: ['s3:PutObject', 's3:AbortMultipartUpload'],
          resources: [bucket.arnForObjects('*')],
        }),
      ],
    });
    acknowledge(
      policy,
      'Which files a later version of the site has, and under which hash it is an asset, is not ' +
        'known. Assets can be read, as by every deployment of CDK to a bucket; objects of this ' +
        'one bucket can be written, which keeps what they overwrite for 30 days, and none be ' +
        'read or deleted.',
      wildcardFinding(policy, assets.arnForObjects('*')),
      wildcardFinding(policy, bucket.arnForObjects('*')),
    );
    return policy;
  }

  private deploy(
    site: Construct,
    id: string,
    asset: Asset,
    cacheControl: string,
    bucket: s3.Bucket,
  ): s3deploy.BucketDeployment {
    const deployment = new s3deploy.BucketDeployment(site, id, {
      sources: [s3deploy.Source.bucket(asset.bucket, asset.s3ObjectKey)],
      destinationBucket: bucket,
      cacheControl: [s3deploy.CacheControl.fromString(cacheControl)],
      prune: false,
      retainOnDelete: true,
      outputObjectKeys: false,
      ephemeralStorageSize: DISK,
      role: this.fixedRole,
      logGroup: this.logGroup,
    });
    if (this.function === undefined) {
      this.function = this.findFunction();
      acknowledgeFunction(this.function);
    } else {
      // Each deployment brings the AWS CLI as a layer; the function uses that of the first one.
      deployment.node.tryRemoveChild('AwsCliLayer');
    }
    return deployment;
  }

  /** Finds the function, a child of the stack whose id is internal to CDK. */
  private findFunction(): lambda.Function {
    const found = Stack.of(this).node.children.find(
      (child) => child instanceof lambda.Function && child.role === this.fixedRole,
    );
    if (found !== undefined) return found as lambda.Function;
    throw new IsochroneError(
      `${this.node.path}: another bucket deployment of this stack also has ` +
        `${DISK.toMebibytes()} MiB of disk, and therefore the same function.\n` +
        'The role of the static content allows nothing else. ' +
        'Give the other deployment another `ephemeralStorageSize`.',
    );
  }
}

function acknowledgeFunction(uploads: lambda.Function): void {
  acknowledge(
    uploads,
    'The code is that of aws-s3-deployment in aws-cdk-lib, which brings the AWS CLI as a layer ' +
      'and sets the runtime that both are tested with. A new version of aws-cdk-lib raises it.',
    'AwsSolutions-L1',
  );
  acknowledge(
    uploads,
    'CloudFormation alone calls it, once for each changed part of a site and one part after the ' +
      'other. Reserved concurrency would take it from the functions of the account that serve ' +
      'users.',
    'NIST.800.53.R5-LambdaConcurrency',
  );
  acknowledge(
    uploads,
    'A failure is answered to CloudFormation, which stops the deployment and rolls it back: no ' +
      'event is left to be worked off. Events hold a signed address that speaks for the ' +
      'resource, which a queue would store.',
    'NIST.800.53.R5-LambdaDLQ',
  );
  acknowledge(
    uploads,
    'It talks to S3 and to the address that CloudFormation gives it, to nothing in a VPC, and ' +
      'nothing can connect to it. Its role allows assets to be read and the buckets of the ' +
      "stack's sites to be written.",
    'NIST.800.53.R5-LambdaInsideVPC',
    'PCI.DSS.321-LambdaInsideVPC',
  );
}

/** An asset of some files of a folder. Its hash changes, and with it the upload, only with them. */
function assetOf(scope: Construct, id: string, folder: string, files: readonly string[]): Asset {
  const copy = mkdtempSync(join(tmpdir(), 'isochrone-site-'));
  try {
    for (const file of files) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      copyFileSync(join(folder, file), join(copy, file));
    }
    return new Asset(scope, id, { path: copy });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
