import { describeKind, IsochroneError } from '../../model/errors';
import { type AwsKeys, connectRequestSigner } from '../shared';

/**
 * How long a token is valid, in seconds: 15 minutes, and only to log in ("IAM database
 * authentication", Amazon RDS user guide).
 */
const TOKEN_SECONDS = 900;

/** Options of `rdsToken`. */
export interface RdsTokenOptions {
  /**
   * The instance's own host name. RDS compares it with the signed one, so an alias of the instance
   * does not work.
   */
  readonly host: string;
  /** @default 5432 */
  readonly port?: number;
  /** The PostgreSQL role, which must have `rds_iam`. */
  readonly user: string;
  /** @default - the environment variable AWS_REGION */
  readonly region?: string;
  /**
   * The source of the keys that sign.
   *
   * @default - the SDK's default chain, of `@aws-sdk/credential-provider-node`
   */
  readonly credentials?: () => Promise<AwsKeys>;
}

/**
 * A source of passwords for `pg`: each password is a request to connect, signed with the role of
 * this process. The role needs `rds-db:connect` on the instance and the user; the fleets of a
 * deployment have it.
 *
 * @throws IsochroneError for a host, user or region that is missing
 */
export function rdsToken(options: RdsTokenOptions): () => Promise<string> {
  const { host, port = 5432, user, region = process.env.AWS_REGION } = options;
  for (const [property, value] of Object.entries({ host, user, region })) {
    if (typeof value === 'string' && value !== '') continue;
    throw new IsochroneError(
      `rdsToken: ${property} must be text, got ${describeKind(value)}.\n` +
        `A token is signed for one host, user and region. Give \`${property}\`.`,
    );
  }
  const signed = connectRequestSigner('rdsToken', options.credentials);
  return () =>
    signed({
      service: 'rds-db',
      region: region as string,
      host: `${host}:${port}`,
      query: { Action: 'connect', DBUser: user },
      expiresSeconds: TOKEN_SECONDS,
    });
}
