import { statSync } from 'node:fs';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { invalidValue } from '../../../model/errors';
import { cloudfrontRules } from '../../../model/rules';
import { type BucketProps, checkRule, privateBucket } from '../../house-rules';
import { filesIn, type SiteFiles, siteFiles } from './site-files';
import { SiteUploader } from './site-uploader';

/**
 * Properties of {@link StaticContent}. The access logs of the distribution have each viewer
 * request, also if `serverAccessLogsBucket` is undefined.
 */
export interface StaticContentProps extends BucketProps {
  /**
   * The folder of the built site, relative to the working directory of the app. It is uploaded with
   * each deployment of the stack.
   *
   * @default - nothing is uploaded; run the commands of `uploadCommands`
   */
  readonly source?: string;
  /**
   * Patterns of the files whose name changes with their content, relative to the folder and in the
   * syntax of `aws s3`, where `*` also matches `/`. Browsers keep these files for a year, so a file
   * that keeps its name must not match.
   *
   * For a site built by Vite, which puts such files and no others into `assets/`, use
   * `['assets/*']`.
   *
   * @default - names with a hexadecimal hash of 8, 16, 20 or 32 characters, as in
   * `app.3f2a91bc.js`; 8 digits count as a date
   */
  readonly hashedFiles?: readonly string[];
  /**
   * How long browsers keep a file that is neither hashed nor HTML, in whole seconds.
   *
   * @default Duration.minutes(5)
   */
  readonly browserTtl?: Duration;
  /**
   * How long CloudFront keeps such a file, in whole seconds: its `s-maxage`, which the maximum TTL
   * of the tier still bounds.
   *
   * @default Duration.hours(1)
   */
  readonly edgeTtl?: Duration;
  /**
   * The region of Origin Shield. Choose the one nearest to the bucket.
   *
   * @default - no Origin Shield
   */
  readonly originShieldRegion?: string;
  /**
   * The key of the upload's log, which is kept for three months. All static content of a stack has
   * the same log and key. The policy of a key of this app gets the statement that CloudWatch Logs
   * needs; an imported key must have it already.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;
}

/**
 * A private bucket of static files, as an origin of a CloudFront distribution in the same stack,
 * with two ways to upload a folder with the right `Cache-Control` for each kind of file.
 *
 * Only the distributions that use the origin may read the bucket, by Origin Access Control. The
 * bucket policy names the distribution, and the distribution names the bucket: in two stacks, each
 * would have to be deployed before the other. A request for a missing file is answered 403, because
 * no viewer may list the bucket.
 *
 * **With `source`, the stack uploads the folder**, which is the simple way. Hashed files are
 * uploaded first and pages last, and the distribution changes after them. If one part fails, the
 * deployment is rolled back. A kind of which no file changed is not uploaded again. CDK's
 * `BucketDeployment` uploads, with one function for all static content of the stack. Its role reads
 * the assets of CDK in the region, and lists and writes the buckets; it cannot read or delete an
 * object in them. An archive and its content must fit on 2 GiB of disk, and upload within 15
 * minutes.
 *
 * **`uploadCommands` are for pipelines** that publish pages without touching infrastructure.
 *
 * Neither way deletes files: an open page continues to load the files that it was built with, and a
 * page that was removed from the site stays until it is deleted by hand. To go back, deploy the
 * earlier revision: its hashed files are still there, and its pages are uploaded again. The bucket
 * also keeps overwritten pages as versions for 30 days. The AWS CLI guesses each content type from
 * the file name. CloudFront compresses.
 *
 * @example
 * const content = new StaticContent(stack, 'Content', { source: 'dist' });
 * new EdgeDistribution(stack, 'Edge', {
 *   …,
 *   behaviors: [
 *     { pathPattern: '/assets/*', tier: CacheTier.immutable(), origin: content.origin },
 *   ],
 * });
 *
 * @throws IsochroneError if `source` is not a folder with files, the region has no Origin Shield, a
 * TTL is not in whole seconds, there is no pattern, or static content of the stack has another
 * `logEncryptionKey`
 */
export class StaticContent extends Construct {
  /** The bucket of the files. */
  public readonly bucket: s3.Bucket;
  /** The origin. The bucket refuses plain HTTP, so behaviors must redirect to HTTPS. */
  public readonly origin: cloudfront.IOrigin;
  private readonly kinds: readonly SiteFiles[];

  constructor(scope: Construct, id: string, props: StaticContentProps = {}) {
    super(scope, id);
    const browserTtl = props.browserTtl ?? Duration.minutes(5);
    const edgeTtl = props.edgeTtl ?? Duration.hours(1);
    this.checkPatterns(props.hashedFiles);
    this.checkWholeSeconds('browserTtl', browserTtl);
    this.checkWholeSeconds('edgeTtl', edgeTtl);
    if (props.originShieldRegion !== undefined)
      checkRule(
        this,
        'originShieldRegion',
        cloudfrontRules.ORIGIN_SHIELD_REGION,
        props.originShieldRegion,
      );
    if (props.source !== undefined) this.checkSource(props.source);

    this.kinds = siteFiles(props.hashedFiles, browserTtl, edgeTtl);
    this.bucket = this.createBucket(props);
    const origin = origins.S3BucketOrigin.withOriginAccessControl(this.bucket, {
      originShieldRegion: props.originShieldRegion,
    });
    this.origin =
      props.source === undefined
        ? origin
        : dependingOn(
            SiteUploader.for(this, props.logEncryptionKey).upload(
              this,
              props.source,
              this.kinds,
              this.bucket,
            ),
            origin,
          );
  }

  /**
   * The commands that upload a folder, in order: hashed files first and pages last, so that no page
   * names a file that is not uploaded yet. They delete nothing: an open page continues to load the
   * files that it was built with.
   *
   * The commands contain the bucket's name as a token. Put each into a `CfnOutput`, or all of them
   * joined by newlines.
   *
   * @param folder the folder of the built site, relative to where the commands run
   */
  public uploadCommands(folder: string): readonly string[] {
    const target = `s3://${this.bucket.bucketName}/`;
    return this.kinds.map(({ kind, filters, cacheControl }) =>
      [
        'aws s3',
        // Hashed files of the same name have the same content, so only missing ones are uploaded.
        // For others, `sync` would skip a file of the same size and an older date, and files of
        // which only `Cache-Control` changed.
        kind === 'Hashed' ? 'sync' : 'cp',
        quoted(folder),
        target,
        kind === 'Hashed' ? '--size-only' : '--recursive',
        ...filters.map(({ action, pattern }) => `--${action} ${quoted(pattern)}`),
        '--cache-control',
        quoted(cacheControl),
      ].join(' '),
    );
  }

  private createBucket(props: StaticContentProps): s3.Bucket {
    return privateBucket(this, 'Bucket', {
      encryptionKey: undefined,
      serverAccessLogsBucket: props.serverAccessLogsBucket,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
      reasons: {
        notReplicated:
          'The files are built from sources and can be uploaded again anywhere: a copy in ' +
          'another region would save minutes, and no data.',
        noKey:
          'S3 encrypts each object with a key of its own. The files are served to every viewer, ' +
          'so a key that guards them would guard nothing; and under one, its policy would have ' +
          'to admit all distributions of the account.',
        notLogged:
          'Viewers reach the files through CloudFront alone, whose access logs have each ' +
          'request. ' +
          "Give `serverAccessLogsBucket` to log the bucket's own requests as well.",
      },
    });
  }

  private checkSource(source: string): void {
    const isFolder = statSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isFolder && filesIn(source).length > 0) return;
    throw invalidValue(this, {
      property: 'source',
      value: source,
      allowed: isFolder ? 'a folder with files in it' : 'a folder that exists',
      rule: 'Synthesis sorts the files by their caching time, which it cannot do in an archive.',
      fix: 'Build the site first, and give its folder, relative to where the app is started.',
    });
  }

  private checkPatterns(patterns: readonly string[] | undefined): void {
    if (patterns === undefined) return;
    if (patterns.length > 0 && !patterns.includes('') && !patterns.includes('*')) return;
    throw invalidValue(this, {
      property: 'hashedFiles',
      value: patterns,
      allowed: 'at least one pattern, none of them empty or `*`',
      rule: 'Browsers keep matching files for a year, and no invalidation reaches browsers.',
      fix:
        'Name the files whose name changes with their content, such as `assets/*`, or leave it ' +
        'out.',
    });
  }

  private checkWholeSeconds(property: string, ttl: Duration): void {
    if (ttl.isUnresolved() || Number.isInteger(ttl.toSeconds({ integral: false }))) return;
    throw invalidValue(this, {
      property,
      value: ttl.toString(),
      allowed: 'a number of whole seconds',
      rule: '`Cache-Control` counts in seconds.',
      fix: 'Use `Duration.seconds(…)` or more.',
    });
  }
}

/**
 * Makes a distribution depend on the upload: a path that another origin served moves to this one
 * only when the files are there.
 */
function dependingOn(uploaded: Construct, origin: cloudfront.IOrigin): cloudfront.IOrigin {
  return {
    bind: (scope, options) => {
      // CDK binds an origin in a child of the distribution; its scope is the only way to reach it.
      scope.node.scope?.node.addDependency(uploaded);
      return origin.bind(scope, options);
    },
  };
}

/** Quotes a text as one word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
