/** What a reader sees in a terminal, by an emulator of one. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { styleText } from 'node:util';
import * as fc from 'fast-check';
import { visible, visibleJson, visibleLines } from '../../../lib/model/visible';
import { formatReplay } from '../../../lib/tools/review/replay-report';
import { formatChangeText, reviewChange } from '../../../lib/tools/review/report';
import { formatSummary } from '../../../lib/tools/review/summary';
import { HOSTILE, hostileText } from './hostile';
import { marketReport } from './replay-report/fixture';
import { screen } from './screen';

test.each(HOSTILE)('%j is seen as text on one line', async (text) => {
  const line = visible(text);
  expect(line).not.toContain('\n');
  const { text: seen, active } = await screen(`> ${line} <`);
  expect([seen, active]).toEqual([`> ${line} <`, 0]);
});

test('any text is seen as it is written', async () => {
  await fc.assert(
    fc.asyncProperty(hostileText, async (text) => {
      expect(visible(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ud800-\udfff]/u);
      expect((await screen(visible(text))).active).toBe(0);
    }),
    { numRuns: 100 },
  );
});

test('ordinary text of all languages stays as it is', () => {
  for (const text of ['Zoë', '東京', 'العربية', 'नमस्ते', '🙂', 'a–b → c × 2 …', '\u00a0'])
    expect(visible(text)).toBe(text);
});

test('lines and tabs of a text stay, and nothing else that a terminal obeys', () => {
  expect(visibleLines('a\n\tb\r\u001b[31m\u202e')).toBe('a\n\tb\\u{000D}\\u{001B}[31m\\u{202E}');
});

test('JSON is the same value, without characters that are not drawn', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const written = visibleJson({ [`k${text}`]: [text] });
      expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify({ [`k${text}`]: [text] })));
      expect(written.replaceAll('\n', '')).toBe(visible(written.replaceAll('\n', '')));
    }),
  );
});

describe('reports of hostile text', () => {
  const stack = (bucket: string, text: string) => ({
    directory: text,
    stacks: [
      {
        path: text,
        stackName: 'app',
        region: text,
        dependsOn: [],
        template: {
          Resources: { [text]: { Type: 'AWS::S3::Bucket', Properties: { B: text + bucket } } },
        },
      },
    ],
  });
  const colors = new RegExp(`${'\u001b'}\\[(1|22|3[1-3]|39)m`, 'g');

  test('a review has no escapes but its own colors, and no lines but its own', () => {
    const lines = new Set<number>();
    for (const text of HOSTILE) {
      const review = reviewChange(stack('a', text), stack('b', text), [
        { path: text, reason: text },
      ]);
      const output = formatChangeText(
        { ...review, ignoredAcknowledgements: [{ by: text, reason: text }] },
        (style, line) => styleText(style, line, { validateStream: false }),
      ).replace(colors, '');
      expect(output).toBe(visibleLines(output));
      lines.add(output.split('\n').length);
    }
    // A path of nothing but blanks accepts nothing.
    expect(lines.size).toBeLessThanOrEqual(3);
  });

  test('a replay and a summary have none', () => {
    for (const text of HOSTILE) {
      const report = marketReport();
      const [behavior] = report.behaviors;
      const replay = formatReplay({
        ...report,
        distribution: text,
        log: { ...report.log, file: text },
        behaviors: behavior ? [{ ...behavior, pathPattern: text }] : [],
        functionErrors: [{ message: text, count: 1 }],
      });
      expect(replay).toBe(visibleLines(replay));
      const kinds = [{ kind: text, count: 1 }];
      const summary = formatSummary([
        { region: text, stack: text, path: text, kinds, stateful: kinds, resources: 1 },
      ]);
      expect(summary).toBe(visibleLines(summary));
    }
  });
});

test('an error of the command line has no escapes of an argument or of a file', () => {
  const root = join(__dirname, '..', '..', '..');
  const { stderr } = spawnSync(
    process.execPath,
    [
      '--import',
      'tsx',
      join(root, 'bin', 'isochrone.ts'),
      'review',
      'a\u001b[31m\u009b8m\u202e',
      'b',
    ],
    { cwd: root, encoding: 'utf8' },
  );
  expect(stderr).toContain('a\\u{001B}[31m\\u{009B}8m\\u{202E} is not a whole assembly');
});
