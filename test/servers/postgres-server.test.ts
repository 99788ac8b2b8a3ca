import { PostgresServer } from './postgres-server';
import { serversHere } from './server-process';

const describeHere = serversHere('postgres', 'initdb', 'pg_basebackup') ? describe : describe.skip;

describeHere('a PostgreSQL for tests', () => {
  test('starts, is followed by a standby, and is survived by it when it is killed', async () => {
    const primary = await PostgresServer.start();
    const standby = await PostgresServer.start({ follows: primary });
    try {
      await primary.query('CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n');
      const [{ lsn } = { lsn: '' }] = await primary.query<{ lsn: string }>(
        'SELECT pg_current_wal_lsn()::text AS lsn',
      );
      for (;;) {
        const [row] = await standby.query<{ there: boolean }>(
          'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there',
          [lsn],
        );
        if (row?.there) break;
      }
      await primary.kill();
      await standby.promote();
      expect(await standby.query('SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 1000 }]);
    } finally {
      await standby.stop();
      await primary.stop();
    }
  }, 120_000);
});
