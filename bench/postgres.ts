import type { Client } from 'pg';
import { PostgresServer } from '../test/servers/postgres-server';

/**
 * Starts a PostgreSQL server for a measurement, connects to it, and stops it afterwards.
 *
 * @param settings of postgresql.conf
 */
export async function withPostgres<Result>(
  settings: Readonly<Record<string, string | number>>,
  measure: (server: PostgresServer, client: Client) => Promise<Result>,
): Promise<Result> {
  const server = await PostgresServer.start({ settings });
  try {
    const client = await server.connect();
    try {
      return await measure(server, client);
    } finally {
      await client.end();
    }
  } finally {
    await server.stop();
  }
}
