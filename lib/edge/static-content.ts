import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { invalidValue } from '../errors';
import { privateBucket } from '../private-buckets';
import { checkOriginShield } from './origin-shield';

/** Properties of {@link StaticContent}. */
export interface StaticContentProps {
  /**
   * Patterns, as `aws s3` knows them, of the files whose name changes with their content. Relative to the folder; `*` also
   * matches `/`. What matches is kept for a year, so a file that keeps its name must not match.
   *
   * Vite, for one, puts such files, and no others, into `assets/`: `['assets/*']`.
   *
   * @default - names with a hexadecimal hash of 8, 16, 20 or 32 characters, as in `app.3f2a91bc.js`; 8 digits are a date
   */
  readonly hashedFiles?: readonly string[];
  /**
   * How long browsers keep a file that is neither hashed nor HTML, in whole seconds.
   *
   * @default Duration.minutes(5)
   */
  readonly browserTtl?: Duration;
  /**
   * How long CloudFront keeps such a file, in whole seconds: the `s-maxage`. The tier's maximum still bounds it.
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
   * What happens to the bucket when it leaves the stack. With DESTROY, it must be empty by then.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** For what is named by its content, and so never changes: RFC 8246. A year. */
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** Kept, but asked for each time: a page names the hashed files, so an old page would name old ones. */
const REVALIDATED = 'no-cache';

const HTML_PATTERNS = ['*.html', '*.htm'];

/** Lengths of the hexadecimal hashes in names: Parcel's 8, Next.js's 16, webpack's 20, and that of MD5. */
const HASH_LENGTHS = [8, 16, 20, 32];

const HASH_PATTERNS: readonly string[] = HASH_LENGTHS.map((length) => `*[./-]${'[0-9a-f]'.repeat(length)}.*`);

/** What looks like a hash of 8 characters, and is more often a date. */
const DATE_PATTERN = `*[./-]${'[0-9]'.repeat(8)}.*`;

/**
 * A private bucket of static files, as an origin of a CloudFront distribution in the same stack, and the commands that upload
 * a folder to it with the right `Cache-Control` for each kind of file.
 *
 * Only the distributions that use the origin may read the bucket, by Origin Access Control. The bucket's policy names the
 * distribution and the distribution the bucket: in two stacks, each would have to be deployed before the other. A missing
 * file is answered 403, because nobody may list the bucket.
 *
 * The upload is left to the AWS CLI. CDK's `BucketDeployment` would do it in a Lambda function of the stack: one that may
 * delete every object here and read every CDK asset of the region, that all such deployments of a stack share, and whose findings
 * would therefore be acknowledged for other people's deployments too. It also ties each new page to a deployment of
 * infrastructure.
 *
 * @example
 * const content = new StaticContent(stack, 'Content');
 * distribution.addBehavior('/assets/*', content.origin, { viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS });
 * content.uploadCommands('dist').forEach((command, i) => new CfnOutput(stack, `Upload${i}`, { value: command }));
 *
 * @throws IsochroneError if Origin Shield is not in that region, a TTL is not in whole seconds, or no pattern is given
 */
export class StaticContent extends Construct {
  public readonly bucket: s3.Bucket;
  /** For behaviours that redirect to HTTPS: the bucket refuses anything else. */
  public readonly origin: cloudfront.IOrigin;
  private readonly hashedFiles: readonly string[];
  private readonly unhashedFiles: readonly string[];
  private readonly cacheControl: string;

  constructor(scope: Construct, id: string, props: StaticContentProps = {}) {
    super(scope, id);
    this.hashedFiles = props.hashedFiles ?? HASH_PATTERNS;
    this.unhashedFiles = props.hashedFiles === undefined ? [DATE_PATTERN] : [];
    const browserTtl = props.browserTtl ?? Duration.minutes(5);
    const edgeTtl = props.edgeTtl ?? Duration.hours(1);
    this.checkPatterns(this.hashedFiles);
    this.checkWholeSeconds('browserTtl', browserTtl);
    this.checkWholeSeconds('edgeTtl', edgeTtl);
    checkOriginShield(this, props.originShieldRegion, 'the bucket');

    this.cacheControl = `public, max-age=${browserTtl.toSeconds()}, s-maxage=${edgeTtl.toSeconds()}`;
    this.bucket = this.createBucket(props);
    this.origin = origins.S3BucketOrigin.withOriginAccessControl(this.bucket, { originShieldRegion: props.originShieldRegion });
  }

  /**
   * The commands that upload a folder, in their order: hashed files first and pages last, so that no page names a file that is
   * not there yet. Nothing is deleted: pages that are open in a browser go on loading the files that they were built with.
   *
   * They hold the bucket's name as a token: put them into a `CfnOutput`, one a command or joined by newlines.
   *
   * @param folder the folder of the built site, as the shell that runs them finds it
   */
  public uploadCommands(folder: string): readonly string[] {
    const { hashedFiles, unhashedFiles } = this;
    // The last filter that matches a file decides.
    const hashed = [exclude('*'), ...hashedFiles.map(include), ...unhashedFiles.map(exclude), ...HTML_PATTERNS.map(exclude)];
    const others = [...hashedFiles.map(exclude), ...unhashedFiles.map(include), ...HTML_PATTERNS.map(exclude)];
    const pages = [exclude('*'), ...HTML_PATTERNS.map(include)];
    return [
      // The same name is the same content: only what is missing is sent.
      this.upload('sync', folder, ['--size-only', ...hashed], IMMUTABLE),
      // `sync` would leave out a file of the same size and an older date, and all whose `Cache-Control` alone has changed.
      this.upload('cp', folder, ['--recursive', ...others], this.cacheControl),
      this.upload('cp', folder, ['--recursive', ...pages], REVALIDATED),
    ];
  }

  private upload(command: 'sync' | 'cp', folder: string, options: readonly string[], cacheControl: string): string {
    const target = `s3://${this.bucket.bucketName}/`;
    return ['aws s3', command, quoted(folder), target, ...options, '--cache-control', quoted(cacheControl)].join(' ');
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

  private checkPatterns(patterns: readonly string[]): void {
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

function include(pattern: string): string {
  return `--include ${quoted(pattern)}`;
}

function exclude(pattern: string): string {
  return `--exclude ${quoted(pattern)}`;
}

/** As one word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
