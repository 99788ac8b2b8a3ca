import { createHash, createHmac } from 'node:crypto';
import { describeValue, IsochroneError } from '../../model/errors';
import { optionalPackage } from '../shared';
import type { AwsKeys } from '../valkey';

/**
 * "IAM database authentication", Amazon RDS user guide: a token is good for 15 minutes, at the
 * log-in alone.
 */
const TOKEN_SECONDS = 900;

export interface RdsTokenOptions {
  /**
   * The instance's own name: RDS compares the one that was signed, so a name that leads to it will
   * not do.
   */
  readonly host: string;
  /** @default 5432 */
  readonly port?: number;
  /** The role of PostgreSQL, which has `rds_iam`. */
  readonly user: string;
  /** @default the environment's AWS_REGION */
  readonly region?: string;
  /**
   * Where the keys come from.
   *
   * @default the SDK's usual chain, of `@aws-sdk/credential-provider-node`
   */
  readonly credentials?: () => Promise<AwsKeys>;
}

/**
 * A source of passwords for `pg`: each is a request to connect, signed with the role of this
 * process. The role needs `rds-db:connect` on instance and user, as the fleets of a deployment have
 * it.
 *
 * @throws IsochroneError for options that cannot work
 */
export function rdsToken(options: RdsTokenOptions): () => Promise<string> {
  const { host, port = 5432, user, region = process.env.AWS_REGION } = options;
  for (const [property, value] of Object.entries({ host, user, region })) {
    if (typeof value === 'string' && value !== '') continue;
    throw new IsochroneError(
      `rdsToken: ${property} must be text, got ${describeValue(value)}.\nA token is signed for one host, user and region. Give \`${property}\`.`,
    );
  }
  let { credentials } = options;
  return async () => {
    credentials ??= defaultCredentials();
    return signed(await credentials(), {
      host: `${host}:${port}`,
      user,
      region: region as string,
      now: new Date(),
    });
  };
}

function defaultCredentials(): () => Promise<AwsKeys> {
  const name = '@aws-sdk/credential-provider-node';
  const load = () =>
    require('@aws-sdk/credential-provider-node') as {
      readonly defaultProvider: () => () => Promise<AwsKeys>;
    };
  return optionalPackage(name, 'rdsToken', load).defaultProvider();
}

interface Request {
  readonly host: string;
  readonly user: string;
  readonly region: string;
  readonly now: Date;
}

/** "Create a signed AWS API request", AWS IAM user guide: signature version 4, in the query. */
function signed(keys: AwsKeys, { host, user, region, now }: Request): string {
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = [time.slice(0, 8), region, 'rds-db', 'aws4_request'];
  const query = [
    ['Action', 'connect'],
    ['DBUser', user],
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', [keys.accessKeyId, ...scope].join('/')],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(TOKEN_SECONDS)],
    ...(keys.sessionToken === undefined ? [] : [['X-Amz-Security-Token', keys.sessionToken]]),
    ['X-Amz-SignedHeaders', 'host'],
  ]
    .map(([name, value]) => `${name}=${encode(String(value))}`)
    .join('&');
  const canonical = ['GET', '/', query, `host:${host}`, '', 'host', sha256('')].join('\n');
  const key = scope.reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${keys.secretAccessKey}`,
  );
  const signature = hmac(
    key,
    ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical)].join('\n'),
  ).toString('hex');
  return `${host}/?${query}&X-Amz-Signature=${signature}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** RFC 3986, as the signature has it. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
