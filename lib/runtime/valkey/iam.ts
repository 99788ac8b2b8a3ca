import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { describeValue, IsochroneError } from '../../model/errors';
import { optionalPackage } from '../shared';

/**
 * Seconds that a token is good for: the most that ElastiCache takes ("Authenticating with IAM",
 * Amazon ElastiCache user guide).
 */
const TOKEN_SECONDS = 900;

/** Keys of AWS, as every credential provider of its SDK gives them. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

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
 * Loads `@smithy/signature-v4`, and without `credentials` `@aws-sdk/credential-provider-node`, when
 * the first token is made.
 *
 * @throws IsochroneError for options that cannot work; a token that cannot be made rejects with the
 * SDK's error
 */
export function elastiCacheToken(options: ElastiCacheTokenOptions): () => Promise<string> {
  const { cacheName, userName, region = process.env.AWS_REGION, serverless = false } = options;
  if (!/^[a-z][a-z0-9-]*$/.test(cacheName)) {
    throw refused(
      'cacheName',
      cacheName,
      'lower-case letters, digits and hyphens, a letter first',
      'ElastiCache keeps names in lower case and compares the signed one.',
      'Give the id of the replication group, not its endpoint.',
    );
  }
  if (userName === '')
    throw refused(
      'userName',
      userName,
      'a user id',
      'The token names the user that logs in.',
      'Give `userName`.',
    );
  if (region === undefined || region === '') {
    throw refused(
      'region',
      region,
      'a region',
      'A signature is good in one region only.',
      'Give `region` or set AWS_REGION.',
    );
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
  const load = () =>
    require('@aws-sdk/credential-provider-node') as typeof import('@aws-sdk/credential-provider-node');
  return optionalPackage(
    '@aws-sdk/credential-provider-node',
    'elastiCacheToken',
    load,
  ).defaultProvider();
}

function signatures(): typeof import('@smithy/signature-v4') {
  const load = () => require('@smithy/signature-v4') as typeof import('@smithy/signature-v4');
  return optionalPackage('@smithy/signature-v4', 'elastiCacheToken', load);
}

/** RFC 3986, as the signature has it. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Node's own SHA-256 in the form that the signer asks for. */
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

  /** Asked for by the interface; the signer makes a new one each time. */
  public reset(): void {}
}

function bytes(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
}

function refused(
  property: string,
  value: unknown,
  allowed: string,
  rule: string,
  fix: string,
): IsochroneError {
  return new IsochroneError(
    `elastiCacheToken: ${property} must be ${allowed}, got ${describeValue(value)}.\n${rule} ${fix}`,
  );
}
