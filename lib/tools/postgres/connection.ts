/** The part of a `pg` connection that migrations use, so that a test can wrap it. */
export interface PostgresConnection {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: Record<string, unknown>[]; readonly rowCount?: number | null }>;
  /** The messages of the server, such as those of DEBUG1. */
  on?(event: 'notice', listener: (notice: { readonly message?: string }) => void): unknown;
  off?(event: 'notice', listener: (notice: { readonly message?: string }) => void): unknown;
  /** The process id that the server sent at log-in. A pooler sends one of its own. */
  readonly processID?: number | null;
}

/** The rows of a query. */
export async function rowsOf<Row extends object>(
  connection: PostgresConnection,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return (await connection.query(text, values)).rows as Row[];
}

/**
 * The SQLSTATE of a server error; undefined for any other error ("PostgreSQL Error Codes",
 * PostgreSQL documentation).
 */
export function sqlState(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/**
 * Whether the connection is lost: ended by the server or an administrator (57P0x), or by the
 * network.
 */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlState(error);
  // EPIPE matches the pattern of a SQLSTATE.
  if (state !== undefined && state !== 'EPIPE')
    return state.startsWith('57P') || state.startsWith('08');
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  const lost = [
    'ECONNRESET',
    'ECONNREFUSED',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
  ];
  return (
    lost.includes(code ?? '') ||
    /connection (?:terminated|error|ended)|not queryable|client was closed/i.test(message ?? '')
  );
}
