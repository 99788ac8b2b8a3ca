/**
 * The users of PgBouncer without their passwords: userlist.txt with SCRAM verifiers.
 *
 * A verifier does not let its holder log in. PgBouncer can still log in to PostgreSQL with it,
 * because a client that logs in to PgBouncer proves its ClientKey, and PgBouncer uses that:
 * "Authentication file format", PgBouncer's documentation. Therefore the verifier must be the one
 * that the server has, including salt and iterations, and a pool opens with its first client.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { IsochroneError } from '../../../model/errors';

/** The iterations that PostgreSQL uses by default: scram_iterations. */
const ITERATIONS = 4096;
const SALT_BYTES = 16;

const VERIFIER = /^SCRAM-SHA-256\$\d+:[A-Za-z0-9+/]+={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/;

/** Whether a text has the form of a SCRAM verifier. */
export function isScramVerifier(text: string): boolean {
  return VERIFIER.test(text);
}

/**
 * The verifier of a password, as PostgreSQL stores it (RFC 5803). `ALTER ROLE … PASSWORD '…'`
 * accepts it in place of the password, which then never reaches the server or its log.
 *
 * @param salt random bytes; passed only by tests
 * @throws IsochroneError for a password that clients would normalize (SASLprep), each in its own
 * way
 */
export function scramVerifier(
  password: string,
  salt: Buffer = randomBytes(SALT_BYTES),
  iterations = ITERATIONS,
): string {
  if (!/^[\x21-\x7e]+$/.test(password)) {
    throw new IsochroneError(
      'scramVerifier: password must be of printable ASCII characters without spaces, ' +
        'got others.\n' +
        'SCRAM normalizes other characters, and clients differ in how they do it. ' +
        'Generate a password of letters and digits.',
    );
  }
  const saltedPassword = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const storedKey = createHash('sha256')
    .update(hmac(saltedPassword, 'Client Key'))
    .digest('base64');
  const serverKey = hmac(saltedPassword, 'Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

/**
 * The text of userlist.txt.
 *
 * @param verifiers the verifiers by user name
 * @throws IsochroneError for any other value than a SCRAM verifier, above all a password
 */
export function pgbouncerUserList(verifiers: Readonly<Record<string, string>>): string {
  return Object.entries(verifiers)
    .map(([user, verifier]) => {
      if (!isScramVerifier(verifier)) {
        throw new IsochroneError(
          `userlist.txt: the entry of ${JSON.stringify(user)} must be a SCRAM verifier, ` +
            'SCRAM-SHA-256$…, got something else.\n' +
            'A password or an MD5 hash in this file would be enough to log in. ' +
            'Use the verifier that the server has.',
        );
      }
      return `"${user.replace(/"/g, '""')}" "${verifier}"\n`;
    })
    .join('');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
