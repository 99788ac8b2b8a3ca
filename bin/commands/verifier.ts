import { text } from 'node:stream/consumers';
import { IsochroneError } from '../../lib/model/errors';
import { scramVerifier } from '../../lib/tools/postgres';
import { type Command, readOptions } from './command';

export const verifier: Command = {
  name: 'verifier',
  usage: `  verifier [--user NAME] < FILE
      Make the SCRAM verifier of a password, for ALTER ROLE … PASSWORD and for the secret of the poolers: the same one for both.
      The password comes by standard input, of printable ASCII without spaces; a line break at its end is no part of it.
      --user NAME  print an entry of the poolers' secret, {"NAME":"SCRAM-SHA-256$…"}, instead of the verifier alone`,

  async run(args) {
    const { user } = readOptions(args, verifier, { user: { type: 'string' } });
    if (user === '')
      throw new IsochroneError(
        `isochrone: --user must be the name of a role, got nothing.\n\n${verifier.usage}`,
      );
    if (process.stdin.isTTY) {
      throw new IsochroneError(
        `isochrone: the password must come by standard input, not from the keyboard, where it would be seen.\n\n${verifier.usage}`,
      );
    }
    const made = scramVerifier((await text(process.stdin)).replace(/\r?\n$/, ''));
    console.log(user === undefined ? made : JSON.stringify({ [user]: made }));
    return 0;
  },
};
