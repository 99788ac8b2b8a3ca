/** What tests of a pool over replicas share. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicaServer } from '../../../lib/runtime/replicas/options';
import type { PostgresServer } from '../postgres-server';

/** A server as the role `app` reaches it. */
export const at = (server: PostgresServer, more: Partial<ReplicaServer> = {}): ReplicaServer => ({
  connectionString: server.url('postgres', 'app'),
  application_name: 'pool',
  ...more,
});

export async function until(holds: () => unknown): Promise<void> {
  while (!(await holds())) await sleep(20);
}

export async function caughtUp(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  const [row] = await primary.query<{ lsn: string }>(
    'SELECT pg_current_wal_insert_lsn()::text AS lsn',
  );
  await until(async () => {
    const [there] = await standby.query<{ there: boolean }>(
      'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there',
      [row?.lsn],
    );
    return there?.there;
  });
}
