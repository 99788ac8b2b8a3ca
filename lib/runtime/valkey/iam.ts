import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { invalidOption, optionalPackage } from '../shared';

/**
 * Seconds for which a token is valid: the longest that ElastiCache allows ("Authenticating with
 * IAM", Amazon ElastiCache user guide).
 */
const TOKEN_SECONDS = 900;

/** AWS credentials, as every credential provider of the AWS SDK returns them. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

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
  if (!/^[a-z][a-z0-9-]*$/.test(cacheName)) {
    throw invalidOption('elastiCacheToken', {
      property: 'cacheName',
      value: cacheName,
      allowed: 'lower-case letters, digits and hyphens, starting with a letter',
      rule: 'ElastiCache stores names in lower case and compares them with the signed name.',
      fix: 'Give the id of the replication group, not its endpoint.',
    });
  }
  if (userName === '') {
    throw invalidOption('elastiCacheToken', {
      property: 'userName',
      value: userName,
      allowed: 'a user id',
      rule: 'The token names the user that logs in.',
      fix: 'Give `userName`.',
    });
  }
  if (region === undefined || region === '') {
    throw invalidOption('elastiCacheToken', {
      property: 'region',
      value: region,
      allowed: 'a region',
      rule: 'A signature is valid in one region only.',
      fix: 'Give `region` or set AWS_REGION.',
    });
  }
  let credentials = options.credentials;
  return async () => {
    credentials ??= defaultCredentials();
    const { SignatureV4 } = signatures();
    const signer = new SignatureV4({
      service: 'elasticache',
      region,
      credentials,
      sha256: Sha256,
      applyChecksum: false,
    });
    const { hostname, path, query } = await signer.presign(
      {
        method: 'GET',
        protocol: 'http:',
        hostname: cacheName,
        path: '/',
        headers: { host: cacheName },
        query: {
          Action: 'connect',
          User: userName,
          ...(serverless ? { ResourceType: 'ServerlessCache' } : {}),
        },
      },
      { expiresIn: TOKEN_SECONDS },
    );
    const parameters = Object.entries(query ?? {}).map(
      ([name, value]) => `${name}=${encode(String(value))}`,
    );
    return `${hostname}${path}?${parameters.join('&')}`;
  };
}

function defaultCredentials(): () => Promise<AwsKeys> {
  const name = '@aws-sdk/credential-provider-node';
  type Package = typeof import('@aws-sdk/credential-provider-node');
  // The name is repeated as a literal, so that bundlers see it.
  const load = (): Package => require('@aws-sdk/credential-provider-node');
  return optionalPackage(name, 'elastiCacheToken', load).defaultProvider();
}

function signatures(): typeof import('@smithy/signature-v4') {
  const name = '@smithy/signature-v4';
  return optionalPackage(name, 'elastiCacheToken', () => require('@smithy/signature-v4'));
}

/** Percent-encodes text as Signature Version 4 requires, which is RFC 3986. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Node's SHA-256 in the form that the signer requires. */
class Sha256 {
  private readonly hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytes(secret));
  }

  public update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.hash.update(bytes(data));
  }

  public async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }

  /** Required by the interface but unused: the signer creates a new hash each time. */
  public reset(): void {}
}

function bytes(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
}
