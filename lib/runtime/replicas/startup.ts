import { IsochroneError } from '../../model/errors';

/** PgBouncer's message about a parameter that it does not track, alone or in `options`. */
const UNSUPPORTED = /unsupported startup parameter(?: in options)?: ([\w.]{1,64})/;

/**
 * The error for a parameter that PgBouncer refuses at log-in; undefined for any other error.
 * PgBouncer shares its connections to the server among its clients, so it cannot keep a setting for
 * one of them ("ignore_startup_parameters", PgBouncer documentation).
 *
 * @param server the name of the server
 */
export function startupRefusal(server: string, error: unknown): IsochroneError | undefined {
  const [, parameter] = UNSUPPORTED.exec(String((error as Error | undefined)?.message)) ?? [];
  if (parameter === undefined) return undefined;
  const setting = parameter === 'options' ? 'statement_timeout' : parameter;
  return new IsochroneError(
    `ReplicaPool: the pooler of ${server} refuses the start-up parameter ${parameter} ` +
      '(08P01).\n' +
      'It shares its connections to the server, so it cannot keep a setting for one client. ' +
      `Leave \`${parameter}\` out of the options and the URL. Set it for the role ` +
      `(\`ALTER ROLE … SET ${setting} = …\`) or for one transaction (\`SET LOCAL ${setting} = …\`); ` +
      '`query_timeout` limits a statement from here.',
  );
}
