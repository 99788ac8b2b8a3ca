/**
 * Log-in to RDS by IAM, for functions inside the network of a database. The password is a signed
 * request that is never sent: "Connecting to your DB instance using IAM authentication", Amazon RDS
 * user guide.
 */
import { createHash, createHmac } from 'node:crypto';
import type { Client } from 'pg';
import { IsochroneError } from '../../../model/errors';

/** The server, and the role to log in as. */
export interface IamLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly region: string;
}

/** The credentials in the environment of Lambda or the command line. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** "A token is valid for 15 minutes". It is needed only at log-in. */
const TOKEN_SECONDS = 900;

/** How long opening a connection may take. */
const CONNECT_MILLISECONDS = 5000;

/** The password for one log-in. */
export function iamToken(
  { host, port, user, region }: Omit<IamLogin, 'database'>,
  credentials: AwsCredentials,
  now: Date,
): string {
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${stamp.slice(0, 8)}/${region}/rds-db/aws4_request`;
  const query: [string, string][] = [
    ['Action', 'connect'],
    ['DBUser', user],
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${credentials.accessKeyId}/${scope}`],
    ['X-Amz-Date', stamp],
    ['X-Amz-Expires', String(TOKEN_SECONDS)],
    ...(credentials.sessionToken === undefined
      ? []
      : ([['X-Amz-Security-Token', credentials.sessionToken]] as [string, string][])),
    ['X-Amz-SignedHeaders', 'host'],
  ];
  const canonicalQuery = query.map(([name, value]) => `${name}=${encoded(value)}`).join('&');
  const request = ['GET', '/', canonicalQuery, `host:${host}:${port}`, '', 'host', sha256('')].join(
    '\n',
  );
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope, sha256(request)].join('\n');
  const key = scope
    .split('/')
    .reduce<Buffer | string>(
      (secret, part) => hmac(secret, part),
      `AWS4${credentials.secretAccessKey}`,
    );
  return `${host}:${port}/?${canonicalQuery}&X-Amz-Signature=${hmac(key, toSign).toString('hex')}`;
}

/**
 * Connects as a role that may log in by IAM, over TLS with a checked server certificate. The caller
 * closes the connection.
 *
 * @param PgClient the class of `pg`, which this room does not load: constructs import it
 * @throws IsochroneError if the environment has no credentials
 */
export async function connectByIam(
  PgClient: typeof Client,
  login: IamLogin,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Client> {
  const client = new PgClient({
    ...login,
    password: iamToken(login, credentialsIn(environment), new Date()),
    ssl: { rejectUnauthorized: true },
    connectionTimeoutMillis: CONNECT_MILLISECONDS,
    application_name: 'isochrone',
  });
  await client.connect();
  return client;
}

function credentialsIn(environment: NodeJS.ProcessEnv): AwsCredentials {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = environment;
  if (!accessKeyId || !secretAccessKey) {
    throw new IsochroneError(
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set, got nothing.\n' +
        'A log-in by IAM is signed with them. Lambda sets them; ' +
        'elsewhere, use a database URL with a password.',
    );
  }
  return { accessKeyId, secretAccessKey, sessionToken };
}

function encoded(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
