/** Login tokens of AWS databases and caches: presigned requests to connect. */
import { createHash, createHmac } from 'node:crypto';
import { optionalPackage } from './optional-package';

/** Keys of AWS, as every credential provider of its SDK returns them. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** @default - none, for keys of a user */
  readonly sessionToken?: string;
}

/** A request to connect, before it is signed. */
export interface ConnectRequest {
  /** The service as signatures name it, such as `rds-db`. */
  readonly service: string;
  readonly region: string;
  /** The `Host` header, with its port unless it is the protocol's. */
  readonly host: string;
  /** Query parameters of the service, such as `Action`. */
  readonly query: Readonly<Record<string, string>>;
  /** How long the signature is valid, in seconds. */
  readonly expiresSeconds: number;
}

/**
 * The SDK's default credential chain: environment, profile, container, instance.
 *
 * @param user the function that needs it, for the error message
 * @throws IsochroneError if `@aws-sdk/credential-provider-node` is not installed
 */
export function defaultAwsCredentials(user: string): () => Promise<AwsKeys> {
  const load = () =>
    require('@aws-sdk/credential-provider-node') as {
      readonly defaultProvider: () => () => Promise<AwsKeys>;
    };
  return optionalPackage('@aws-sdk/credential-provider-node', user, load).defaultProvider();
}

/**
 * Signs a request to connect. The result is the presigned URL without its protocol, which the
 * services take as a password: signature version 4, in the query ("Create a signed AWS API
 * request", AWS IAM user guide).
 */
export function signedConnectRequest(request: ConnectRequest, keys: AwsKeys, now: Date): string {
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = [time.slice(0, 8), request.region, request.service, 'aws4_request'];
  const parameters: Record<string, string> = {
    ...request.query,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': [keys.accessKeyId, ...scope].join('/'),
    'X-Amz-Date': time,
    'X-Amz-Expires': String(request.expiresSeconds),
    ...(keys.sessionToken === undefined ? {} : { 'X-Amz-Security-Token': keys.sessionToken }),
    'X-Amz-SignedHeaders': 'host',
  };
  const query = Object.entries(parameters)
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .sort()
    .join('&');
  const canonical = ['GET', '/', query, `host:${request.host}`, '', 'host', sha256('')].join('\n');
  const key = scope.reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${keys.secretAccessKey}`,
  );
  const signature = hmac(
    key,
    ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical)].join('\n'),
  ).toString('hex');
  return `${request.host}/?${query}&X-Amz-Signature=${signature}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Percent-encoding of RFC 3986, which signatures require. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
