/** What the parent believes of a process in which foreign code runs, and what it lets it do. */
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJob, encodeJob, parseMessage } from '../../../../lib/tools/simulation/confined/job';
import {
  callableFunctions,
  callNotes,
  lastCall,
} from '../../../../lib/tools/simulation/confined/last-call';
import { nodeOptions } from '../../../../lib/tools/simulation/confined/permissions';
import { isReport } from '../../../../lib/tools/simulation/confined/report-shape';
import { openLog } from '../../../../lib/tools/simulation/logs/reader';
import { replay } from '../../../../lib/tools/simulation/replay/replay';
import { behavior, distribution, folder } from '../fixtures';

test.each([
  { kind: 'alive', readBytes: 1, allBytes: 2 },
  { kind: 'listening', port: 8080 },
  { kind: 'line', text: 'a\nb' },
  { kind: 'refused', text: 'no' },
  { kind: 'stray', text: 'lost', functionName: 'F' },
  { kind: 'stray', text: 'lost' },
  { kind: 'report', report: {} },
])('the message %j is read as it was sent', (message) => {
  expect(parseMessage(JSON.stringify(message))).toEqual(message);
});

test.each([
  '',
  'null',
  '[]',
  '"report"',
  '{',
  '{}',
  '{"kind":"constructor"}',
  '{"kind":"alive","readBytes":-1,"allBytes":1}',
  '{"kind":"alive","readBytes":"1","allBytes":1}',
  '{"kind":"listening","port":null}',
  '{"kind":"line","text":{"toString":1}}',
  '{"kind":"stray"}',
])('%j is no message', (line) => {
  expect(parseMessage(line)).toBeUndefined();
});

test('a job arrives as it was sent, with values that JSON does not have', () => {
  const job = {
    kind: 'replay',
    file: 'a.log',
    assembly: { directory: 'cdk.out', stacks: [] },
    distribution: distribution(),
    capacities: [1, Number.POSITIVE_INFINITY],
    trace: { seed: 1, requests: 2, from: new Date(0) },
  } as const;
  let bytes = encodeJob(job);
  const read = (count: number) => {
    const part = bytes.subarray(0, count);
    bytes = bytes.subarray(count);
    return part;
  };
  expect(decodeJob(read)).toEqual(job);
  expect(bytes).toHaveLength(0);
});

describe('the report of a replay', () => {
  const made = async () => {
    const directory = folder({
      'a.log': '192.0.2.1 - - [01/Jan/2024:00:00:00 +0000] "GET /a HTTP/1.1" 200 1 "-" "-"\noops\n',
    });
    const file = join(directory, 'a.log');
    const report = await replay({
      assembly: { directory, stacks: [] },
      distribution: distribution(),
      log: await openLog(file),
      file,
      objectives: { cacheHitPercent: 90, p95LatencyMs: 100 },
    });
    return JSON.parse(JSON.stringify(report));
  };

  test('has the shape that is checked', async () => {
    expect(isReport(await made())).toBe(true);
  });

  test.each<[string, (report: Record<string, unknown>) => void]>([
    ['a part', (report) => delete report.total],
    ['numbers', (report) => Object.assign(report, { ceiling: { rawUrlHitPercent: '1' } })],
    ['a list', (report) => Object.assign(report, { cells: {} })],
    [
      'a reason of a miss',
      (report) => delete (report.total as { misses: object }).misses['expired' as never],
    ],
    [
      'a time',
      (report) =>
        Object.assign(report, {
          timeline: [{ at: 'now', requests: 1, hitPercent: { low: 1, high: 1 } }],
        }),
    ],
  ])('is refused without %s', async (_what, spoil) => {
    const report = await made();
    spoil(report);
    expect(isReport(report)).toBe(false);
  });
});

test('the file of the last call has the function that was called last', () => {
  const lambda = (name: string, timeoutSeconds: number) =>
    ({ kind: 'lambda-edge', name, timeoutSeconds }) as const;
  const functions = callableFunctions(
    distribution({
      behaviors: [
        behavior({
          functions: { 'viewer-request': lambda('A', 60), 'origin-request': lambda('A', 60) },
        }),
        behavior({
          functions: {
            'viewer-request': { kind: 'cloudfront-function', name: 'B' },
            'origin-response': lambda('C', 2),
          },
        }),
      ],
    }),
  );
  expect(functions).toEqual([
    { name: 'A', seconds: 30 },
    { name: 'B', seconds: 1 },
    { name: 'C', seconds: 2 },
  ]);
  const file = lastCall(functions);
  try {
    const note = callNotes(functions, file.fd);
    expect(file.read()).toBeUndefined();
    note('B');
    expect(file.read()?.name).toBe('B');
    note('C');
    note('A');
    expect(file.read()?.name).toBe('A');
  } finally {
    file.close();
  }
});

describe('the options of Node.js', () => {
  const permissions = { reads: [], network: false, heapBytes: 2 ** 30 };
  const folderCalled = (name: string) => {
    const made = join(mkdtempSync(join(tmpdir(), 'isochrone-reads-')), name);
    mkdirSync(made);
    return made;
  };

  test.each<[string, string[], boolean, string[]]>([
    ['20', ['--experimental-permission'], true, ['--experimental-permission']],
    ['22', ['--experimental-permission', '--permission'], true, ['--permission']],
    ['25 with a network', ['--permission', '--allow-net'], true, ['--permission', '--allow-net']],
    ['25 without a network', ['--permission', '--allow-net'], false, ['--permission']],
  ])('turn on the permission model of version %s', (_version, known, network, expected) => {
    const options = nodeOptions({ ...permissions, network }, new Set(known));
    expect(options.filter((option) => /permission|net/.test(option))).toEqual(expected);
    expect(options).toContain('--max-old-space-size=1024');
  });

  test('allow to read a folder under its name and its real path, and nothing else', () => {
    const real = realpathSync(folderCalled('a, b'));
    const link = `${real}-link`;
    symlinkSync(real, link);
    const options = nodeOptions({ ...permissions, reads: [link] });
    expect(options.filter((option) => option.startsWith('--allow'))).toEqual([
      `--allow-fs-read=${link}`,
      `--allow-fs-read=${real}`,
    ]);
  });

  test('are refused for a folder that Node.js would take for a pattern', () => {
    expect(() => nodeOptions({ ...permissions, reads: [folderCalled('a*')] })).toThrow(
      /a\*: the path must not contain an asterisk/,
    );
  });

  test('are refused without a permission model', () => {
    expect(() => nodeOptions(permissions, new Set())).toThrow(
      /has no permission model.*\nUse Node\.js 20 or later/,
    );
  });
});
