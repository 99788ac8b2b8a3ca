/**
 * Normalizing a query changes nothing that an origin reads in it: PHP and Rack, where they are
 * installed, and what they answered here, where they are not; and frameworks of Node.js.
 */
import fc from 'fast-check';
import { queryNormalizer } from '../../../lambda-edge/normalize-cache-key/normalize';
import { noteNotRun } from '../../not-run';
import { isPromised } from '../../promised';
import { ask, recordedAnswers } from './origin-answers';
import { ORIGINS, type Origin, OriginProgram, PROGRAM_NAMES, type ProgramName } from './origins';

const normalize = queryNormalizer({ deny: [] });

/** A program of an origin for one test; undefined if the machine neither has nor promises it. */
async function started(name: ProgramName): Promise<OriginProgram | undefined> {
  const program = await OriginProgram.start(name);
  if (program !== undefined) return program;
  if (isPromised('servers')) throw new Error(`${name} is not installed.`);
  noteNotRun([name]);
  return undefined;
}

/** Names that are one to some origin, and values that show which was read. */
const names = fc
  .array(
    fc.constantFrom(
      ...['a', 'a', 'A', 'b', '%61', '_', '-', '.', '%2E', '+', '%20', '%00', '%5f', '9', 'é'],
      ...[
        '[',
        ']',
        '[]',
        '[a]',
        '%5B',
        '%5D',
        '%5b%5d',
        '[0]',
        ';',
        '%3B',
        '%',
        '%u0061',
        '%C3%A9',
      ],
    ),
    { maxLength: 4 },
  )
  .map((pieces) => pieces.join(''));
const queries = fc
  .array(fc.tuple(names, fc.constantFrom('', '=', '=1', '=2', '=3', '=1;a=2', '=%5B')), {
    minLength: 2,
    maxLength: 6,
  })
  .map((parameters) => parameters.map((pair) => pair.join('')).join('&'))
  .filter((query) => !query.split('&').includes(''));

const unchanged = (answer: Origin) =>
  fc.asyncProperty(queries, async (query) => {
    expect(await answer(normalize(query))).toBe(await answer(query));
  });

describe.each(PROGRAM_NAMES)('%s', (name) => {
  test('reads the same in a normalized query', async () => {
    const program = await started(name);
    if (program === undefined) return;
    try {
      await fc.assert(unchanged(program.answer), { numRuns: 5000 });
    } finally {
      await program.end();
    }
  });

  test('answers as in the table', async () => {
    const program = await started(name);
    if (program === undefined) return;
    const recorded = recordedAnswers()[name];
    try {
      // Another version may answer otherwise; the test above asks it, too.
      if (program.version !== recorded.version) noteNotRun([`${name} ${recorded.version}`]);
      else expect(await ask(program)).toEqual(recorded);
    } finally {
      await program.end();
    }
  });

  test('parameters whose order matters, by the table, keep it', () => {
    const pairs = Object.entries(recordedAnswers()[name].ordered).flatMap(([one, others]) =>
      others.map((other) => [`${one}&${other}`, `${other}&${one}`] as const),
    );
    expect(pairs.length).toBeGreaterThan(100);
    expect(pairs.filter(([one, other]) => normalize(one) === normalize(other))).toEqual([]);
  });
});

test.each(Object.entries(ORIGINS))('%s reads the same in a normalized query', async (_, answer) => {
  await fc.assert(unchanged(answer), { numRuns: 2000 });
});
