/** What the house rules ask of every file, beyond the walls. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '..');
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n');
const SOURCES = FILES.filter((file) => /\.(ts|cjs|js)$/.test(file));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

test('a folder holds 25 source files at most', () => {
  const folders = new Map<string, number>();
  for (const file of SOURCES) folders.set(dirname(file), (folders.get(dirname(file)) ?? 0) + 1);
  expect([...folders].filter(([, count]) => count > 25)).toEqual([]);
});

describe('a rule is written once', () => {
  /** Sentences behind `rule:` in our sources, without what is filled in. */
  const sentences = SOURCES.filter((file) => file.startsWith('lib/')).flatMap((file) =>
    [
      ...read(file).matchAll(
        /\brule:\s*((?:(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`)[\s+]*)+)/g,
      ),
    ].map(([, literals]) => ({
      file,
      text: String(literals)
        .replace(/['"`]\s*\+\s*['"`]/g, '')
        .replace(/\$\{[^}]*\}/g, ' ')
        .trim(),
    })),
  );
  const wordsOf = (text: string) => new Set(text.toLowerCase().match(/[a-z][a-z'@-]*/g) ?? []);

  /** The share of words that two sentences have in common; none for one of a few words. */
  function shared(a: string, b: string): number {
    const [first, second] = [wordsOf(a), wordsOf(b)];
    if (Math.min(first.size, second.size) < 5) return 0;
    const common = [...first].filter((word) => second.has(word)).length;
    return (2 * common) / (first.size + second.size);
  }

  test('the measure sees a sentence that was reworded, and not one about something else', () => {
    const rule = 'ElastiCache allows 90 nodes in a cluster, primaries and replicas together.';
    expect(
      shared(rule, 'A cluster of ElastiCache allows 90 nodes, replicas and primaries together.'),
    ).toBeGreaterThan(0.6);
    expect(shared(rule, 'CloudFront takes the first behavior that matches a path.')).toBeLessThan(
      0.3,
    );
  });

  test('no two sentences share more than 60 % of their words', () => {
    expect(sentences.length).toBeGreaterThan(100);
    const pairs = sentences.flatMap((a, i) =>
      sentences
        .slice(i + 1)
        .filter((b) => shared(a.text, b.text) > 0.6)
        .map((b) => `${a.file}: ${a.text}\n${b.file}: ${b.text}`),
    );
    expect(pairs).toEqual([]);
  });
});

describe('lines', () => {
  test('of code are 100 columns wide at most, but for one in a hundred', () => {
    const lines = SOURCES.flatMap((file) => read(file).split('\n'));
    expect(lines.filter((line) => line.length > 100).length / lines.length).toBeLessThan(0.01);
  });

  test('of prose in Markdown are 100 columns wide at most', () => {
    const long = FILES.filter((file) => file.endsWith('.md')).flatMap((file) => {
      const prose = read(file).replace(/^ *```[\s\S]*?^ *```/gm, '');
      return (
        prose
          .split('\n')
          // The target of a link cannot be broken.
          .map((line) => line.replace(/\]\([^)]*\)/g, ']()'))
          .filter((line) => line.length > 100 && !line.trim().startsWith('|'))
          .map((line) => `${file}: ${line}`)
      );
    });
    expect(long).toEqual([]);
  });

  test('of Markdown tables have no cell over 200 characters', () => {
    const long = FILES.filter((file) => file.endsWith('.md')).flatMap((file) =>
      read(file)
        .split('\n')
        .filter((line) => line.startsWith('|'))
        .flatMap((line) => line.split(/(?<!\\)\|/))
        .filter((cell) => cell.trim().length > 200)
        .map((cell) => `${file}: ${cell.trim()}`),
    );
    expect(long).toEqual([]);
  });
});
