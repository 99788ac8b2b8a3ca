/** What foreign edge code and foreign names do to the terminal in which a command runs. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emulate } from '../../bin/commands/emulate';
import { replay } from '../../bin/commands/replay';
import { summary } from '../../bin/commands/summary';
import { visible, visibleLines } from '../../lib/model/visible';
import { readAssembly } from '../../lib/tools/assembly/assembly';
import { HOSTILE } from '../tools/review/hostile';
import { screen } from '../tools/review/screen';
import { CONTINUE, foreignAssembly } from '../tools/simulation/confined/edge-code';
import { assemblyOf, DEFAULT_BEHAVIOR, distributionResource } from '../tools/simulation/fixtures';

const LEVELS = ['log', 'info', 'warn', 'error', 'debug', 'trace'];

let written: string[];
let listening: (url: string) => void;

beforeEach(() => {
  written = [];
  const write = (...[text]: unknown[]) => {
    written.push(String(text));
    const [url] = /http:\/\/127[\d.:]+/.exec(String(text)) ?? [];
    if (url !== undefined) listening?.(url);
  };
  for (const name of ['log', 'error'] as const) jest.spyOn(console, name).mockImplementation(write);
});

afterEach(() => jest.restoreAllMocks());

/** Everything that was written does nothing to the terminal. */
async function expectText(): Promise<void> {
  const output = written.join('\n');
  expect(output).toBe(visibleLines(output));
  expect((await screen(output)).active).toBe(0);
}

/** Emulates an assembly, and requests a page of it. */
async function emulated(directory: string): Promise<number> {
  const url = new Promise<string>((resolve) => {
    listening = resolve;
  });
  const args = ['--assembly', directory, '--origin', 'http://127.0.0.1:1', '--port', '0'];
  const ended = emulate.run(args);
  await Promise.race([url, ended]);
  await fetch(await url, { headers: { connection: 'close' } }).catch(() => undefined);
  process.emit('SIGINT');
  return ended;
}

test.each(LEVELS)(
  'console.%s of edge code reaches the terminal of an emulator as text',
  async (level) => {
    const { directory } = foreignAssembly(`exports.handler = async (event) => {
    for (const text of ${JSON.stringify(HOSTILE)}) console.${level}(text);
    console.${level}('%s', '\\u001b[2J', { ['\\u001b]52;c;eA==\\u0007']: 1 });
    ${CONTINUE}
  };`);
    expect(await emulated(directory)).toBe(0);
    await expectText();
    expect(written).toContain('Foreign: \\u{001B}[31mred\\u{001B}[0m');
    expect(written).toContain('Foreign: over\\u{000D}written');
  },
);

test('a line of edge code cannot pass for one of another function or of the command', async () => {
  const { directory } = foreignAssembly(`exports.handler = async (event) => {
    console.log('one\\nOther: two\\nhttp://evil.example');
    ${CONTINUE}
  };`);
  await emulated(directory);
  expect(written).toContain('Foreign: one\n  Other: two\n  http://evil.example');
});

test.each<[string, string]>([
  ['thrown', 'throw new Error(text);'],
  ['thrown as a value', 'throw text;'],
  ['lost', 'Promise.reject(new Error(text)); await new Promise((r) => setTimeout(r, 50));'],
])(
  'an error of edge code that is %s is text too',
  async (_what, body) => {
    const text = JSON.stringify(HOSTILE.join(' ').slice(0, 1000));
    const { directory } = foreignAssembly(
      `exports.handler = async (event) => { const text = ${text}; ${body} ${CONTINUE} };`,
    );
    await emulated(directory);
    await expectText();

    const log = join(mkdtempSync(join(tmpdir(), 'isochrone-terminal-')), 'a.log');
    const line = '192.0.2.1 - - [01/Jan/2024:00:00:01 +0000] "GET /a HTTP/1.1" 200 10 "-" "-"';
    writeFileSync(log, `${line}\n${HOSTILE.join('\n')}\n`);
    written = [];
    await replay.run(['--assembly', directory, '--log', log]);
    expect(written.join('\n')).toMatch(/Foreign/);
    await expectText();
  },
  30_000,
);

test('names of a template are text on one line, in what is left out and in errors', async () => {
  const name = 'F\u001b[2J\n\u202eOther: x';
  const assembly = assemblyOf({
    [name]: distributionResource({
      DefaultCacheBehavior: {
        ...DEFAULT_BEHAVIOR,
        FunctionAssociations: [{ EventType: name, FunctionARN: name }],
      },
    }),
  });
  await emulated(assembly.directory);
  await expectText();
  expect(written).toContain(
    `A function of an unknown event is omitted: ${visible(name)} on ${visible(name)}.`,
  );
  written = [];
  await summary.run(['--assembly', assembly.directory]);
  await expectText();

  const two = { [name]: distributionResource(), Other: distributionResource() };
  const refused = emulate.run(['--assembly', assemblyOf(two).directory]);
  await expect(refused).rejects.toThrow(`app/Edge/${visible(name)}, app/Edge/Other`);
  expect(() => assemblyOf({ [name]: null as never })).toThrow(visible(name));
  expect(() => readAssembly(name)).toThrow(visible(name));
});
