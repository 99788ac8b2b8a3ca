import { IsochroneError } from '../../lib/model/errors';

/**
 * The host and the name of the database that `--database` addresses, for messages. A password is in
 * neither: an unescaped `/` in one would end the host there, and leave the rest to the name.
 *
 * @throws IsochroneError for anything else than a URL of PostgreSQL; it does not repeat the text
 */
export function databaseAddress(text: string): string {
  try {
    const { protocol, host, pathname, hash } = new URL(text);
    const isDatabase = protocol === 'postgresql:' || protocol === 'postgres:';
    if (isDatabase && !pathname.includes('@') && hash === '') return `${host}${pathname}`;
  } catch {
    // The message does not repeat the text, which may contain a password.
  }
  throw new IsochroneError(
    'isochrone: --database must be a URL like postgresql://USER@HOST:5432/NAME, ' +
      'got something else.\n' +
      'The value is not shown, because it may contain a password. Escape special characters; ' +
      'set the password in PGPASSWORD or ~/.pgpass, not in the URL.',
  );
}
