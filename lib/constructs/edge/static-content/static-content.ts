import { statSync } from 'node:fs';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { invalidValue } from '../../../model/errors';
import { privateBucket } from '../../house-rules';
import { checkOriginShield } from '../origin-shield';
import { filesIn, type SiteFiles, siteFiles } from './site-files';
import { SiteUploader } from './site-upload';

/** Properties of {@link StaticContent}. */
export interface StaticContentProps {
  /**
   * The folder of the built site, relative to where the app is started. It is uploaded with each
   * deployment of the stack.
   *
   * @default - nothing is uploaded; run what `uploadCommands` gives
   */
  readonly source?: string;
  /**
   * Patterns, as `aws s3` knows them, of the files whose name changes with their content. Relative
   * to the folder; `*` also matches `/`. What matches is kept for a year, so a file that keeps its
   * name must not match.
   *
   * Vite, for one, puts such files, and no others, into `assets/`: `['assets/*']`.
   *
   * @default - names with a hexadecimal hash of 8, 16, 20 or 32 characters, as in
   * `app.3f2a91bc.js`; 8 digits are a date
   */
  readonly hashedFiles?: readonly string[];
  /**
   * How long browsers keep a file that is neither hashed nor HTML, in whole seconds.
   *
   * @default Duration.minutes(5)
   */
  readonly browserTtl?: Duration;
  /**
   * How long CloudFront keeps such a file, in whole seconds: the `s-maxage`. The tier's maximum
   * still bounds it.
   *
   * @default Duration.hours(1)
   */
  readonly edgeTtl?: Duration;
  /**
   * The region of Origin Shield: the one nearest to the bucket.
   *
   * @default - no Origin Shield
   */
  readonly originShieldRegion?: string;
  /**
   * Where the access to the bucket is logged: a bucket of the same region.
   *
   * @default - it is not logged; the distribution's access logs have each request of a viewer
   */
  readonly serverAccessLogsBucket?: s3.IBucket;
  /**
   * Encrypts the log of the upload, which is kept for three months. All static content of a stack
   * has the same log and key. A key of this app gets the statement that CloudWatch Logs needs; an
   * imported one must have it.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;
  /**
   * What happens to the bucket when it leaves the stack. With DESTROY, it must be empty by then.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A private bucket of static files, as an origin of a CloudFront distribution in the same stack,
 * and two ways to upload a folder to it with the right `Cache-Control` for each kind of file.
 *
 * Only the distributions that use the origin may read the bucket, by Origin Access Control. The
 * bucket's policy names the distribution and the distribution the bucket: in two stacks, each would
 * have to be deployed before the other. A missing file is answered 403, because nobody may list the
 * bucket.
 *
 * **With `source`, the stack uploads**: the simple way. Hashed files go first, pages last, and the
 * distribution changes after them. A deployment in which one part fails is rolled back. A kind of
 * which no file changed is not sent again. CDK's `BucketDeployment` does it, in one function for
 * all static content of the stack. Its role reads the assets of CDK in the region, and lists and
 * writes the buckets; it cannot read or delete an object there. An archive and its content must fit
 * on 2 GiB of disk, and upload within 15 minutes.
 *
 * **`uploadCommands` are for pipelines** that publish pages without touching infrastructure.
 *
 * Neither deletes: pages that are open in a browser go on loading the files that they were built
 * with, and a page that was removed from the site stays until someone deletes it. To go back,
 * deploy the earlier revision: its hashed files are still there, its pages are uploaded again. The
 * bucket also keeps overwritten pages as versions for 30 days. The AWS CLI guesses each content
 * type from the name; compression is left to CloudFront.
 *
 * const content = new StaticContent(stack, 'Content', { source: 'dist' }); new
 * EdgeDistribution(stack, 'Edge', { …, behaviors: [{ pathPattern: '/assets/*', tier:
 * CacheTier.immutable(), origin: content.origin }] });
 *
 * @example
 * @throws IsochroneError if `source` is no folder with files, Origin Shield is not in that region,
 * a TTL is not in whole seconds, no pattern is given, or static content of the stack has another
 * `logEncryptionKey`
 */
export class StaticContent extends Construct {
  public readonly bucket: s3.Bucket;
  /** For behaviours that redirect to HTTPS: the bucket refuses anything else. */
  public readonly origin: cloudfront.IOrigin;
  private readonly kinds: readonly SiteFiles[];

  constructor(scope: Construct, id: string, props: StaticContentProps = {}) {
    super(scope, id);
    const browserTtl = props.browserTtl ?? Duration.minutes(5);
    const edgeTtl = props.edgeTtl ?? Duration.hours(1);
    this.checkPatterns(props.hashedFiles);
    this.checkWholeSeconds('browserTtl', browserTtl);
    this.checkWholeSeconds('edgeTtl', edgeTtl);
    checkOriginShield(this, props.originShieldRegion, 'the bucket');
    if (props.source !== undefined) this.checkSource(props.source);

    this.kinds = siteFiles(props.hashedFiles, browserTtl, edgeTtl);
    this.bucket = this.createBucket(props);
    const origin = origins.S3BucketOrigin.withOriginAccessControl(this.bucket, {
      originShieldRegion: props.originShieldRegion,
    });
    this.origin =
      props.source === undefined
        ? origin
        : after(
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
   * The commands that upload a folder, in their order: hashed files first and pages last, so that
   * no page names a file that is not there yet. Nothing is deleted: pages that are open in a
   * browser go on loading the files that they were built with.
   *
   * They hold the bucket's name as a token: put them into a `CfnOutput`, one a command or joined by
   * newlines.
   *
   * @param folder the folder of the built site, as the shell that runs them finds it
   */
  public uploadCommands(folder: string): readonly string[] {
    const target = `s3://${this.bucket.bucketName}/`;
    return this.kinds.map(({ kind, filters, cacheControl }) =>
      [
        'aws s3',
        // Of hashed files, the same name is the same content: only what is missing is sent.
        // Elsewhere, `sync` would leave out a file of the same size and an older date, and all
        // whose `Cache-Control` alone has changed.
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
          'The files are built from sources and can be uploaded again anywhere: a copy in another region would save minutes, and no data.',
        noKey:
          'S3 encrypts each object with a key of its own. The files are served to every viewer, so a key that guards them would guard nothing; and under one, its policy would have to admit all distributions of the account.',
        notLogged:
          "Viewers reach the files through CloudFront alone, whose access logs have each request. Give `serverAccessLogsBucket` to log the bucket's own requests as well.",
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
      rule: 'The files are sorted at synthesis by how long they are kept, and an archive cannot be.',
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
      rule: 'What matches is kept by browsers for a year, and cannot be called back.',
      fix: 'Name the files whose name changes with their content, such as `assets/*`, or leave it out.',
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

/** A path that another origin served before moves to this one only when the files are there. */
function after(uploaded: Construct, origin: cloudfront.IOrigin): cloudfront.IOrigin {
  return {
    bind: (scope, options) => {
      // CDK binds origins in a child of the distribution, which gives no other way to reach it.
      scope.node.scope?.node.addDependency(uploaded);
      return origin.bind(scope, options);
    },
  };
}

/** As one word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
