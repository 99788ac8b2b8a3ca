/**
 * Which pairs of parameters an origin reads differently in the other order: a table of what PHP and
 * Rack answered, for machines without them.
 *
 * `npx tsx test/lambda-edge/normalize-cache-key/origin-answers.ts` writes it anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Origin, OriginProgram, PROGRAM_NAMES, type ProgramName } from './origins';

const FILE = join(__dirname, 'origin-answers.json');

const NAMES = [
  ...['a', 'a[]', 'a[x]', 'a[x][]', 'a[][x]', 'a[0]', 'a[b', 'a[b]c', 'a]', '[a]', '[a', ']a'],
  ...['a.b', 'a b', 'a+b', 'a_b', 'a%2Eb', 'a%20b', 'a%5Fb', '%61_b', 'a-b', 'a_b[]', 'a.b[x.y]'],
  ...['+a', '%20a', 'a+', 'a%00', 'a%00b', '%00a', '%61', 'a%5B%5D', 'a%5Bx%5D', 'a%5b', '%5Ba%5D'],
  ...[
    'A',
    'A[x]',
    'b',
    'b[a]',
    'a;b',
    'b;a',
    ';a',
    'a%3Bb',
    'a%',
    'a%E9',
    'a%C3%A9',
    '',
    '[]',
    '.',
  ],
];

/** Parameters that differ in their values, so that an answer shows which one was read. */
const PARAMETERS = [
  ...NAMES.filter((name) => !/ /.test(name)).map((name, i) => `${name}=${i}`),
  'a',
  'b=1;a=2',
  'a=1;b=2',
  'c=1;d=2',
  'c',
  'd=3',
];

export interface OriginAnswers {
  readonly version: string;
  /** The pairs whose order matters, by the first parameter. */
  readonly ordered: Readonly<Record<string, readonly string[]>>;
}

export async function ask({
  version,
  answer,
}: {
  readonly version: string;
  readonly answer: Origin;
}): Promise<OriginAnswers> {
  const ordered: Record<string, string[]> = {};
  for (const [i, one] of PARAMETERS.entries()) {
    for (const other of PARAMETERS.slice(i + 1)) {
      const [before, after] = await Promise.all([
        answer(`${one}&${other}`),
        answer(`${other}&${one}`),
      ]);
      if (before !== after) ordered[one] = [...(ordered[one] ?? []), other];
    }
  }
  return { version, ordered };
}

export function recordedAnswers(): Record<ProgramName, OriginAnswers> {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Record<ProgramName, OriginAnswers>;
}

async function record(): Promise<void> {
  const answers: Partial<Record<ProgramName, OriginAnswers>> = {};
  for (const name of PROGRAM_NAMES) {
    const program = await OriginProgram.start(name);
    if (program === undefined) throw new Error(`${name} is not installed.`);
    answers[name] = await ask(program);
    await program.end();
  }
  writeFileSync(FILE, `${JSON.stringify(answers, undefined, 2)}\n`);
}

if (require.main === module) void record();
