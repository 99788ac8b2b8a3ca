import { type PgbouncerFigures, pgbouncerIni } from '../../../tools/postgres';
import { POOLER_PATHS } from './boot';
import type { ConnectionPoolerProps } from './props';

/** What Debian 13 has. */
const PGBOUNCER_VERSION = '1.24';

/** PgBouncer's own port on the instances. */
export const POOLER_PORT = 6432;

/** The pgbouncer.ini of every instance. */
export function poolerIni(props: ConnectionPoolerProps, figures: PgbouncerFigures): string {
  return pgbouncerIni({
    version: PGBOUNCER_VERSION,
    databases: props.databases,
    figures,
    listenAddress: '0.0.0.0',
    listenPort: POOLER_PORT,
    socketDirectory: POOLER_PATHS.socketDirectory,
    authFile: POOLER_PATHS.users,
    clientTls: { certificateFile: POOLER_PATHS.certificate, keyFile: POOLER_PATHS.key },
    serverTls: {
      mode: props.serverIdentity ?? 'verify-full',
      authoritiesFile: POOLER_PATHS.authorities,
    },
    ignoredStartupParameters: props.ignoredStartupParameters,
  });
}
