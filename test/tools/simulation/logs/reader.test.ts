import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { MAX_LINE_CHARACTERS } from '../../../../lib/tools/simulation/logs/lines';
import { orderedByTime } from '../../../../lib/tools/simulation/logs/order';
import { openLog } from '../../../../lib/tools/simulation/logs/reader';
import type { LogRecord } from '../../../../lib/tools/simulation/logs/record';

const directory = mkdtempSync(join(tmpdir(), 'isochrone-log-'));

function file(content: string | Buffer): string {
  const path = join(directory, `${Math.abs(content.length)}-${files++}.log`);
  writeFileSync(path, content);
  return path;
}
let files = 0;

function line(second: number, path = `/${second}`): string {
  const time = new Date(Date.UTC(2024, 0, 1, 0, 0, second)).toISOString().slice(11, 19);
  return `192.0.2.1 - - [01/Jan/2024:${time} +0000] "GET ${path} HTTP/1.1" 200 10 "-" "-"`;
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function read(content: string | Buffer) {
  const log = await openLog(file(content));
  const records = await all(log.records);
  return { paths: records.map(({ path }) => path), ...log.summary() };
}

test('broken lines are counted with their line numbers, and other lines are kept', async () => {
  const { paths, lines, broken, brokenExamples } = await read(
    `${line(1)}\r\n\u0007oops\n${line(2)}\n\n${line(3)}`,
  );
  expect(paths).toEqual(['/1', '/2', '/3']);
  expect({ lines, broken }).toEqual({ lines: 5, broken: 2 });
  expect(brokenExamples).toEqual([
    { line: 2, reason: 'not in the common or combined format', text: '·oops' },
    { line: 4, reason: 'not in the common or combined format', text: '' },
  ]);
});

test('examples of broken lines are limited in number and length', async () => {
  const { broken, brokenExamples } = await read(
    `${line(1)}\n${'x'.repeat(3 * MAX_LINE_CHARACTERS)}\n${'y\n'.repeat(20)}`,
  );
  expect(broken).toBe(21);
  expect(brokenExamples).toHaveLength(5);
  expect(brokenExamples[0]).toMatchObject({
    reason: `longer than ${MAX_LINE_CHARACTERS} characters`,
    text: `${'x'.repeat(120)}…`,
  });
});

describe('gzip', () => {
  const text = Array.from({ length: 20_000 }, (_, i) =>
    line(i % 60, `/${(i * 7919) % 20_011}`),
  ).join('\n');
  const compressed = gzipSync(text);

  test('is detected by its first bytes, also with several members', async () => {
    const { lines, broken, damaged } = await read(
      Buffer.concat([gzipSync(`${line(1)}\n`), gzipSync(`${line(2)}\n`)]),
    );
    expect({ lines, broken, damaged }).toEqual({ lines: 2, broken: 0, damaged: undefined });
  });

  test('truncation is reported, and the lines before it are kept', async () => {
    const { lines, broken, damaged } = await read(
      compressed.subarray(0, Math.floor(compressed.length / 2)),
    );
    expect(damaged).toMatch(/unexpected end of file/);
    expect(lines).toBeGreaterThan(9_000);
    expect(broken).toBeLessThanOrEqual(1);
  });

  test('damage in the middle is reported', async () => {
    const damagedBytes = Buffer.from(compressed);
    damagedBytes.fill(0xff, damagedBytes.length - 2_000);
    const { lines, damaged } = await read(damagedBytes);
    expect(damaged).toBeDefined();
    expect(lines).toBeGreaterThan(0);
  });
});

test('garbage after a compressed log is reported and does not stop the reader', async () => {
  const { lines, damaged } = await read(
    Buffer.concat([gzipSync(`${line(1)}\n`.repeat(2_000)), Buffer.alloc(5_000, 0x1f)]),
  );
  expect(damaged).toBeDefined();
  expect(lines).toBeGreaterThan(1_000);
});

test('a byte order mark is not part of the first line', async () => {
  const head =
    '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status';
  const entry = '2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.1\tGET\td.cloudfront.net\t/a\t200';
  expect(await read(`\u{feff}${head}\n${entry}\n`)).toMatchObject({
    paths: ['/a'],
    format: 'cloudfront',
    broken: 0,
  });
});

test.each<[string, string | Buffer, RegExp]>([
  ['Parquet', Buffer.from('PAR1\x15\x04'), /Parquet[\s\S]*UNLOAD/],
  ['an empty file', '', /the log has no lines/],
])('%s is rejected with advice', async (_, content, says) => {
  await expect(openLog(file(content))).rejects.toThrow(says);
});

test('a missing file is rejected with its name', async () => {
  await expect(openLog(join(directory, 'none.log'))).rejects.toThrow(
    /none\.log: the log cannot be read/,
  );
});

describe('time order', () => {
  async function* records(...times: readonly number[]): AsyncGenerator<LogRecord> {
    for (const [i, timeMs] of times.entries()) {
      yield {
        timeMs,
        method: 'GET',
        path: `/${i}`,
        query: '',
        headers: {},
        clientAddress: '',
        status: 200,
        bytes: 0,
      };
    }
  }

  // Requests as `TIME PATH`; the path is the index in the log.
  test.each<[string, number[], number, string[], { outOfOrder: number; late: number }]>([
    [
      'is kept, also for equal times',
      [1, 1, 2],
      2,
      ['1 /0', '1 /1', '2 /2'],
      { outOfOrder: 0, late: 0 },
    ],
    [
      'is restored within the buffer',
      [3, 1, 2],
      2,
      ['1 /1', '2 /2', '3 /0'],
      { outOfOrder: 2, late: 0 },
    ],
    [
      'is restored beyond the buffer by changing the time of a late request',
      [2, 3, 1],
      1,
      ['2 /0', '2 /2', '3 /1'],
      { outOfOrder: 1, late: 1 },
    ],
  ])('%s', async (_, times, buffer, expected, counts) => {
    const ordering = { outOfOrder: 0, late: 0 };
    const given = await all(orderedByTime(records(...times), ordering, buffer));
    expect(given.map(({ timeMs, path }) => `${timeMs} ${path}`)).toEqual(expected);
    expect(ordering).toEqual(counts);
  });
});
