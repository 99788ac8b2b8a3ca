/** Login tokens of databases and caches of AWS: presigned requests to connect. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { optionalPackage } from './optional-package';

/** AWS credentials, as every credential provider of the AWS SDK returns them. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** @default - none, as for the keys of a user */
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
 * Returns a function that signs requests to connect. Its result is the presigned URL without the
 * protocol, which the services take as a password. It rejects with an IsochroneError if a package is
 * not installed, and with the SDK's error if there are no keys.
 *
 * The first request loads `@smithy/signature-v4` and, without `credentials`,
 * `@aws-sdk/credential-provider-node`.
 *
 * @param user the function that makes the token, for the error message
 * @param credentials the source of the keys; the SDK's default chain if undefined: environment,
 * profile, container, instance
 */
export function connectRequestSigner(
  user: string,
  credentials?: () => Promise<AwsKeys>,
): (request: ConnectRequest) => Promise<string> {
  let keys = credentials;
  return async ({ service, region, host, query, expiresSeconds }) => {
    // The chain keeps its keys until they expire.
    keys ??= defaultCredentials(user);
    const { SignatureV4 } = optionalPackage(
      '@smithy/signature-v4',
      user,
      (): typeof import('@smithy/signature-v4') => require('@smithy/signature-v4'),
    );
    const signer = new SignatureV4({
      service,
      region,
      credentials: keys,
      sha256: Sha256,
      applyChecksum: false,
    });
    const signed = await signer.presign(
      {
        method: 'GET',
        protocol: 'http:',
        hostname: host,
        path: '/',
        headers: { host },
        query: { ...query },
      },
      { expiresIn: expiresSeconds },
    );
    const parameters = Object.entries(signed.query ?? {}).map(
      ([name, value]) => `${name}=${percentEncode(String(value))}`,
    );
    return `${signed.hostname}${signed.path}?${parameters.join('&')}`;
  };
}

function defaultCredentials(user: string): () => Promise<AwsKeys> {
  // The name is repeated as a literal, so that bundlers see it.
  return optionalPackage(
    '@aws-sdk/credential-provider-node',
    user,
    (): typeof import('@aws-sdk/credential-provider-node') =>
      require('@aws-sdk/credential-provider-node'),
  ).defaultProvider();
}

/** Percent-encoding of RFC 3986, which Signature Version 4 requires. */
function percentEncode(text: string): string {
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
