import { invalidOption } from '../../model/errors';
import { type AwsKeys, connectRequestSigner } from '../shared';

/**
 * Seconds for which a token is valid: the longest that ElastiCache allows ("Authenticating with
 * IAM", Amazon ElastiCache user guide).
 */
const TOKEN_SECONDS = 900;

/** Options of `elastiCacheToken`. */
export interface ElastiCacheTokenOptions {
  /**
   * The id of the replication group or the name of the serverless cache, in lower case. Tokens are
   * signed for this name, not for the endpoint.
   */
  readonly cacheName: string;
  /** The user's id. For a user that logs in with IAM, it equals the user name. */
  readonly userName: string;
  /**
   * The region of the cache.
   *
   * @default - the environment variable AWS_REGION
   */
  readonly region?: string;
  /**
   * Whether the cache is serverless.
   *
   * @default false
   */
  readonly serverless?: boolean;
  /**
   * Returns the AWS credentials to sign with.
   *
   * @default - the SDK's default chain: environment, profile, container, instance
   */
  readonly credentials?: () => Promise<AwsKeys>;
}

/**
 * Creates a source of ElastiCache passwords for `ValkeyServer`. Each password is a request to
 * connect, signed with the role of this process and valid for 15 minutes. The role needs
 * `elasticache:Connect` on the cache and the user, which `RegionalCache.grantConnect` grants.
 *
 * The first token loads `@smithy/signature-v4` and, without `credentials`,
 * `@aws-sdk/credential-provider-node`.
 *
 * @returns a function that creates a token; it rejects with the SDK's error if it cannot
 * @throws IsochroneError for invalid options
 */
export function elastiCacheToken(options: ElastiCacheTokenOptions): () => Promise<string> {
  const { cacheName, userName, region = process.env.AWS_REGION, serverless = false } = options;
  if (typeof cacheName !== 'string' || !/^[a-z][a-z0-9-]*$/.test(cacheName)) {
    throw invalidOption('elastiCacheToken', {
      property: 'cacheName',
      value: cacheName,
      mayBeSecret: true,
      allowed: 'lower-case letters, digits and hyphens, starting with a letter',
      rule: 'ElastiCache stores names in lower case and compares them with the signed name.',
      fix: 'Give the id of the replication group, not its endpoint.',
    });
  }
  if (typeof userName !== 'string' || userName === '') {
    throw invalidOption('elastiCacheToken', {
      property: 'userName',
      value: userName,
      mayBeSecret: true,
      allowed: 'a user id',
      rule: 'The token names the user that logs in.',
      fix: 'Give `userName`.',
    });
  }
  if (typeof region !== 'string' || region === '') {
    throw invalidOption('elastiCacheToken', {
      property: 'region',
      value: region,
      mayBeSecret: true,
      allowed: 'a region',
      rule: 'A token is signed for one region.',
      fix: 'Give `region` or set AWS_REGION.',
    });
  }
  const signed = connectRequestSigner('elastiCacheToken', options.credentials);
  return () =>
    signed({
      service: 'elasticache',
      region,
      host: cacheName,
      query: {
        Action: 'connect',
        User: userName,
        ...(serverless ? { ResourceType: 'ServerlessCache' } : {}),
      },
      expiresSeconds: TOKEN_SECONDS,
    });
}
