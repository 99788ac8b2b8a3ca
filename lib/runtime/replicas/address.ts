import { invalidOption } from '../../model/errors';

const SECRET = 'It may hold a password, so it is not shown.';

/**
 * Checks how a server is addressed. Errors of `pg` and of the resolver repeat what they take for a
 * host or a database, so a URL in the place of a host, or one that is cut at an unescaped character
 * of its password, would end in a log.
 *
 * @throws IsochroneError that does not hold the address
 */
export function checkAddress({
  name,
  connectionString,
  host,
}: {
  readonly name: string;
  readonly connectionString?: string;
  readonly host?: string;
}): void {
  if (connectionString !== undefined && !isDatabaseUrl(connectionString)) {
    throw invalidOption('ReplicaPool', {
      property: `connectionString of ${name}`,
      value: connectionString,
      mayBeSecret: true,
      allowed: 'a URL like postgresql://user:password@host:5432/database',
      rule: SECRET,
      fix: 'Percent-encode `/ ? # @ :` in the user and the password, or give them as options.',
    });
  }
  if (host !== undefined && !(typeof host === 'string' && /^(?:\/.*|[^\s/@?#]*)$/.test(host))) {
    throw invalidOption('ReplicaPool', {
      property: `host of ${name}`,
      value: host,
      mayBeSecret: true,
      allowed: 'a host name, an address, or the folder of a socket',
      rule: SECRET,
      fix: 'A URL belongs in `connectionString`.',
    });
  }
}

/**
 * Whether `pg` reads a text as the URL that its author means. An unescaped `/` in a password ends
 * the host, and the rest of the password becomes a part of the database's name.
 */
function isDatabaseUrl(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  // The folder of a socket and a database, or its own scheme: without a password.
  if (/^(?:\/[^@]*|socket:[^@]*)$/.test(text)) return true;
  try {
    const { protocol, pathname, hash } = new URL(text.replace('@/', '@socket/'));
    return /^postgres(?:ql)?:$/.test(protocol) && !pathname.includes('@') && hash === '';
  } catch {
    return false;
  }
}
