import { lruCache } from '../shared';
import type { QueryPool } from './options';

/** How long an answer of the catalog is used, in milliseconds. */
const KEPT_MS = 300_000;
const MAX_FUNCTIONS = 1_000;

/**
 * PostgreSQL refuses writes inside a function that is declared STABLE or IMMUTABLE, so only a
 * VOLATILE one can change rows ("Function Volatility Categories", PostgreSQL documentation). Its
 * own functions change no rows of a user's tables.
 */
const MAY_WRITE = `
  SELECT bool_or(p.provolatile = 'v' AND n.nspname <> 'pg_catalog') AS may_write
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE p.proname = $1 AND ($2::text IS NULL OR n.nspname = $2)`;

/** Which functions may change rows, by the database's catalog. */
export class FunctionCatalog {
  private readonly known = new (lruCache().LRUCache)<string, Promise<boolean>>({
    max: MAX_FUNCTIONS,
    ttl: KEPT_MS,
  });

  constructor(private readonly pool: QueryPool) {}

  /** Whether one of these functions may change rows. One that cannot be looked up may. */
  public async mayWrite(functions: readonly string[]): Promise<boolean> {
    const answers = await Promise.all(functions.map((name) => this.canWrite(name)));
    return answers.includes(true);
  }

  private canWrite(name: string): Promise<boolean> {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const asked = this.ask(name).catch(() => {
      this.known.delete(name);
      return true;
    });
    this.known.set(name, asked);
    return asked;
  }

  private async ask(name: string): Promise<boolean> {
    const dot = name.indexOf('.');
    const schema = dot < 0 ? null : name.slice(0, dot);
    const { rows } = await this.pool.query(MAY_WRITE, [name.slice(dot + 1), schema]);
    return (rows[0] as { may_write: boolean | null } | undefined)?.may_write !== false;
  }
}
