import { invalidOption } from '../../model/errors';
import { type AwsKeys, defaultAwsCredentials, signedConnectRequest } from '../shared';

/**
 * Seconds that a token is good for: the most that ElastiCache takes ("Authenticating with IAM",
 * Amazon ElastiCache user guide).
 */
const TOKEN_SECONDS = 900;

export interface ElastiCacheTokenOptions {
  /**
   * The id of the replication group or the name of the serverless cache, in lower case: tokens are
   * signed for it, not for the endpoint.
   */
  readonly cacheName: string;
  /** The user's id, which is its name too when it logs in with IAM. */
  readonly userName: string;
  /**
   * The region of the cache.
   *
   * @default the environment's AWS_REGION
   */
  readonly region?: string;
  /**
   * Whether the cache is a serverless one.
   *
   * @default false
   */
  readonly serverless?: boolean;
  /**
   * Where the keys come from.
   *
   * @default the SDK's usual chain: environment, profile, container, instance
   */
  readonly credentials?: () => Promise<AwsKeys>;
}

/**
 * A source of ElastiCache passwords for `ValkeyServer`: each is a request to connect, signed with
 * the role of this process and good for 15 minutes. The role needs `elasticache:Connect` on the
 * cache and the user, as `RegionalCache.grantConnect` gives it.
 *
 * Without `credentials`, loads `@aws-sdk/credential-provider-node` when the first token is made.
 *
 * @throws IsochroneError for options that cannot work; a token that cannot be made rejects with the
 * SDK's error
 */
export function elastiCacheToken(options: ElastiCacheTokenOptions): () => Promise<string> {
  const { cacheName, userName, region = process.env.AWS_REGION, serverless = false } = options;
  if (!/^[a-z][a-z0-9-]*$/.test(cacheName)) {
    throw invalidOption('elastiCacheToken', {
      property: 'cacheName',
      value: cacheName,
      allowed: 'lower-case letters, digits and hyphens, a letter first',
      rule: 'ElastiCache keeps names in lower case and compares the signed one.',
      fix: 'Give the id of the replication group, not its endpoint.',
    });
  }
  if (userName === '')
    throw invalidOption('elastiCacheToken', {
      property: 'userName',
      value: userName,
      allowed: 'a user id',
      rule: 'The token names the user that logs in.',
      fix: 'Give `userName`.',
    });
  if (region === undefined || region === '') {
    throw invalidOption('elastiCacheToken', {
      property: 'region',
      value: region,
      allowed: 'a region',
      rule: 'A signature is good in one region only.',
      fix: 'Give `region` or set AWS_REGION.',
    });
  }
  let credentials = options.credentials;
  return async () => {
    credentials ??= defaultAwsCredentials('elastiCacheToken');
    const request = {
      service: 'elasticache',
      region,
      host: cacheName,
      query: {
        Action: 'connect',
        User: userName,
        ...(serverless ? { ResourceType: 'ServerlessCache' } : {}),
      },
      expiresSeconds: TOKEN_SECONDS,
    };
    return signedConnectRequest(request, await credentials(), new Date());
  };
}
