import { text } from 'node:stream/consumers';
import { IsochroneError } from '../../lib/model/errors';
import { scramVerifier } from '../../lib/tools/postgres';
import { print, printJson } from '../output';
import { type Command, formatUsage, readOptions } from './command';

export const verifier: Command = {
  name: 'verifier',
  usage: formatUsage({
    synopsis: 'verifier [--user NAME] < FILE',
    about:
      'Print the SCRAM verifier of a password. Use the same verifier for ALTER ROLE … PASSWORD ' +
      'and for the secret of the poolers. The password is read from standard input: printable ' +
      'ASCII without spaces. A final line break is ignored.',
    options: {
      '--user NAME':
        'print an entry of the poolers\' secret, {"NAME":"SCRAM-SHA-256$…"}, instead of the ' +
        'verifier',
    },
  }),

  async run(args) {
    const { user } = readOptions(args, verifier, { user: { type: 'string' } });
    if (user === '')
      throw new IsochroneError(
        `isochrone: --user must be the name of a role, got nothing.\n\n${verifier.usage}`,
      );
    if (process.stdin.isTTY) {
      throw new IsochroneError(
        'isochrone: the password must come from a file or a pipe, ' +
          `because the terminal would show it.\n\n${verifier.usage}`,
      );
    }
    const made = scramVerifier((await text(process.stdin)).replace(/\r?\n$/, ''));
    if (user === undefined) print(made);
    else printJson({ [user]: made }, 0);
    return 0;
  },
};
