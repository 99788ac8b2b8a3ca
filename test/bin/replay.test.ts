import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replay } from '../../bin/commands/replay';
import type { ReplayReport } from '../../lib/tools/simulation/replay/report';
import { CONTINUE, foreignAssembly } from '../tools/simulation/confined/edge-code';
import { assemblyOf, distributionResource } from '../tools/simulation/fixtures';

const directory = mkdtempSync(join(tmpdir(), 'isochrone-replay-'));
const DEPLOYMENT = join(__dirname, '..', '..', 'deployments', 'market.yaml');
const { directory: assembly } = assemblyOf({ Site: distributionResource() });

function line(second: number, path: string): string {
  const time = `01/Jan/2024:00:00:${String(second).padStart(2, '0')} +0000`;
  return `192.0.2.1 - - [${time}] "GET ${path} HTTP/1.1" 200 10 "-" "-"`;
}

function logFile(name: string, lines: readonly string[]): string {
  const file = join(directory, name);
  writeFileSync(file, lines.join('\n'));
  return file;
}

const SOME = logFile('some.log', [
  line(1, '/a'),
  line(2, '/a'),
  'oops',
  line(3, '/a'),
  line(4, '/b'),
]);
/** One miss in a hundred requests. */
const HIT = logFile('hit.log', Array.from({ length: 100 }, (_, i) => line(i % 60, '/a')).sort());

async function run(...args: string[]) {
  const printed: string[] = [];
  const log = jest.spyOn(console, 'log').mockImplementation((text) => printed.push(String(text)));
  try {
    const exitCode = await replay.run([
      '--assembly',
      assembly,
      '--deployment',
      DEPLOYMENT,
      ...args,
    ]);
    return { exitCode, text: printed.join('\n') };
  } finally {
    log.mockRestore();
  }
}

function runToJson(...args: string[]): Promise<ReplayReport> {
  const file = join(directory, 'report.json');
  return run(...args, '--json', file).then(() => JSON.parse(readFileSync(file, 'utf8')));
}

test('prints the table and accounts for every line', async () => {
  const { exitCode, text } = await run('--log', SOME);
  expect(exitCode).toBe(0);
  expect(text).toMatch(/^4 requests of .*some\.log \(combined\)/);
  expect(text).toMatch(
    /1 of 5 lines could not be read[\s\S]*line 3: not in the common or combined format: oops/,
  );
  expect(text).toMatch(/│ total +│ all +│ +4 │ +50\.0 % │/);
  expect(text).toMatch(/MISSED {2}cacheHitPercent: at least 90 %, got 50\.0 %/);
});

test('a seeded trace is always the same, without a broken line', async () => {
  const [one, other] = [await run('--seeded', '200'), await run('--seeded', '200')];
  expect(one.text).toMatch(/^200 requests of a seeded trace \(json\), 2026-03-04 14:30/);
  expect(one.text).not.toMatch(/broken/);
  expect(other).toEqual(one);
});

test.each<[string, string, number]>([
  ['missed', SOME, 3],
  ['met', HIT, 0],
])(
  '--require-objectives exits with its code for an objective that is %s',
  async (_, log, exitCode) => {
    expect((await run('--log', log, '--require-objectives')).exitCode).toBe(exitCode);
  },
);

test('--json and --html write the full report', async () => {
  const html = join(directory, 'report.html');
  const report = await runToJson('--log', SOME, '--html', html);
  expect(report).toMatchObject({
    distribution: 'app/Edge/Site',
    log: { lines: 5, replayed: 4, broken: 1 },
  });
  expect(report.capacityBytes).toEqual([256e6, 4e9, null]);
  expect(readFileSync(html, 'utf8')).toMatch(/^<!doctype html>/i);
});

test('the options set capacities, caching headers and the region of the origin', async () => {
  const options = [
    '--capacity',
    '1.5MB',
    '--capacity',
    'none',
    '--assume-cache-control',
    '/a*=max-age=0, no-cache',
    '--origin-region',
    'eu-west-1',
  ];
  const { capacityBytes, modelled, total } = await runToJson('--log', SOME, ...options);
  expect(capacityBytes).toEqual([1.5e6, null]);
  expect(modelled.join()).toMatch(
    /Cache-Control: max-age=0, no-cache for \/a\*.*Origins are in eu-west-1\./,
  );
  // CachingOptimized has a minimum TTL of one second, which overrides `no-cache`: of three requests
  // for /a that are a second apart, one hits.
  expect(total.hitPercent.high).toBe(25);
});

test.each<[string[], RegExp]>([
  [[], /one of --log and --seeded is required[\s\S]*--log FILE/],
  [['--log', SOME, '--seeded', '5'], /one of --log and --seeded is required/],
  [['--seeded', '0'], /--seeded must be a whole number of requests, 1 to 10000000, got "0"/],
  [
    ['--log', SOME, '--format', 'parquet'],
    /--format must be auto or one of cloudfront.*got "parquet"\.\nParquet .* UNLOAD/,
  ],
  [['--log', SOME, '--capacity', '4 GB'], /--capacity must be a size such as 512MB.*got "4 GB"/],
  [['--log', SOME, '--capacity', '0MB'], /--capacity/],
  [['--log', SOME, '--max-memory', '4'], /--max-memory must be a size of at least 128MB, got "4"/],
  [['--log', SOME, '--max-memory', '1MB'], /--max-memory must be a size of at least 128MB/],
  [['--log', SOME, '--max-minutes', '0'], /--max-minutes must be a number above 0, got "0"/],
  [['--log', SOME, '--max-minutes', 'x'], /--max-minutes must be a number above 0/],
  [
    ['--log', SOME, '--assume-cache-control', 'max-age'],
    /--assume-cache-control must be PATTERN=VALUE/,
  ],
  [['--log', SOME, '--origin-region', 'mars-1'], /--origin-region must be .*got "mars-1"/],
  [['--log', SOME, '--distribution', 'Other'], /matches no distribution/],
  [['--log', SOME, '--deployment', 'none.yaml'], /none\.yaml/],
  [['--log', join(directory, 'none.log')], /none\.log: the log cannot be read/],
  [['--log', SOME, '--assembly', directory], /is not a whole assembly/],
])('%j is refused with advice', async (args, says) => {
  await expect(run(...args)).rejects.toThrow(says);
});

describe('edge code that is stopped', () => {
  test('ends the replay with a sentence and exit code 5, and writes no report', async () => {
    const { directory: foreign } = foreignAssembly(
      `exports.handler = async (event) => {
        Promise.reject(new Error('lost'));
        await new Promise((done) => setTimeout(done, 20));
        ${CONTINUE}
      };`,
    );
    const said: string[] = [];
    const error = jest
      .spyOn(console, 'error')
      .mockImplementation((line) => said.push(String(line)));
    const folder = mkdtempSync(join(directory, 'stopped-'));
    const files = ['--json', join(folder, 'a.json'), '--html', join(folder, 'a.html')];
    const { exitCode, text } = await run('--log', SOME, '--assembly', foreign, ...files);
    error.mockRestore();
    expect([exitCode, text, readdirSync(folder)]).toEqual([5, '', []]);
    expect(said.join()).toMatch(/^The edge code of .* was stopped: its function Foreign failed/);
  });

  test('the help says whose code runs, and where', () => {
    expect(replay.usage.replace(/\s+/g, ' ')).toMatch(
      /edge functions, which may be a stranger's, in a process .* Exit code: 0, .*5 if the edge code/,
    );
  });
});

test('limits are taken from the options', async () => {
  expect((await run('--log', SOME, '--max-memory', '1GB', '--max-minutes', '5')).exitCode).toBe(0);
});

describe('a report', () => {
  test('replaces an earlier report atomically, and leaves no other file', async () => {
    const folder = mkdtempSync(join(directory, 'whole-'));
    const file = join(folder, 'report.json');
    writeFileSync(file, 'x'.repeat(1e6));
    const before = statSync(file).ino;
    await run('--log', SOME, '--json', file);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ log: { lines: 5 } });
    // It is another file under the same name, so a reader of the old report still sees all of it.
    expect(statSync(file).ino).not.toBe(before);
    expect(readdirSync(folder)).toEqual(['report.json']);
  });

  test.each(['--json', '--html'])(
    'that cannot be written with %s is reported by its name, after the table',
    async (option) => {
      const printed = jest.spyOn(console, 'log').mockImplementation(() => undefined);
      const file = join(directory, 'none', 'report');
      await expect(
        replay.run([
          '--assembly',
          assembly,
          '--deployment',
          DEPLOYMENT,
          '--log',
          SOME,
          option,
          file,
        ]),
      ).rejects.toThrow(`${file}: it cannot be written`);
      expect(printed).toHaveBeenCalledTimes(1);
      printed.mockRestore();
    },
  );

  test('is written directly to a device', async () => {
    await run('--log', SOME, '--json', '/dev/null');
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});
