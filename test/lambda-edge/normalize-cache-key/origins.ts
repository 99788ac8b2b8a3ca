/**
 * What origins read in a query: the real PHP and Rack, each as one child process that answers line
 * by line, and Node.js frameworks in this process.
 *
 * An answer is compared as a set of top-level names: origins give each name its value, whatever the
 * order of the names is. Values keep their inner order.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { parse as parseByNode } from 'node:querystring';
import { createInterface } from 'node:readline';
import express from 'express';

/** Answers one query, which must be without line breaks. */
export type Origin = (query: string) => Promise<string>;

/** Each answers a line with a line, and first prints its version. */
const PROGRAMS = {
  php: {
    command: 'php',
    args: [
      '-r',
      `echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION, "\\n";
while (($line = fgets(STDIN)) !== false) {
  parse_str(rtrim($line, "\\n"), $values);
  ksort($values, SORT_STRING);
  echo base64_encode(serialize($values)), "\\n";
}`,
    ],
  },
  rack: {
    command: 'ruby',
    args: [
      '-e',
      `require 'rack'
$stdout.sync = true
puts Rack.release.split('.').first(2).join('.')
STDIN.each_line do |line|
  begin
    puts Rack::Utils.parse_nested_query(line.chomp.b).sort_by { |name, _| name.b }.inspect
  rescue StandardError
    puts 'refused'
  end
end`,
    ],
  },
} as const;

export type ProgramName = keyof typeof PROGRAMS;
export const PROGRAM_NAMES = Object.keys(PROGRAMS) as ProgramName[];

/** A running program. */
export class OriginProgram {
  private readonly waiting: ((line: string) => void)[] = [];

  /** Starts a program. Returns undefined if it, or a library that it needs, is not installed. */
  public static async start(name: ProgramName): Promise<OriginProgram | undefined> {
    const { command, args } = PROGRAMS[name];
    const child = spawn(command, args, { stdio: 'pipe' });
    return new Promise((resolve) => {
      child.once('error', () => resolve(undefined));
      child.once('exit', () => resolve(undefined));
      const lines = createInterface(child.stdout);
      lines.once('line', (version) => resolve(new OriginProgram(child, lines, version)));
    });
  }

  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    lines: NodeJS.EventEmitter,
    /** Major and minor. */
    public readonly version: string,
  ) {
    lines.on('line', (line: string) => this.waiting.shift()?.(line));
  }

  public readonly answer: Origin = (query) =>
    new Promise((resolve) => {
      this.waiting.push(resolve);
      this.child.stdin.write(`${query}\n`);
    });

  public async end(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin.end();
    await ended;
  }
}

/** A list of values for each name, as an origin with a flat map has them. */
function flat(pairs: Iterable<readonly [string, string]>): Record<string, string[]> {
  const values: Record<string, string[]> = Object.create(null);
  for (const [name, value] of pairs) values[name] = [...(values[name] ?? []), value];
  return values;
}

const app = express().set('query parser', 'extended');
const qs = require(require.resolve('qs', { paths: [require.resolve('express')] })) as {
  parse(query: string, options: object): object;
};

function upperCase(pairs: Iterable<readonly [string, string]>): [string, string][] {
  return [...pairs].map(([name, value]) => [name.toUpperCase(), value]);
}

/** ASP.NET's own escape, where the framework still decodes it. */
const withoutUnicodeEscapes = (query: string) =>
  query.replace(/%u([0-9a-f]{4})/gi, (_, hex: string) =>
    // By way of UTF-8, in which a lone surrogate becomes U+FFFD.
    encodeURIComponent(Buffer.from(String.fromCharCode(Number.parseInt(hex, 16))).toString()),
  );

/** Origins in this process: real parsers, or models of such that no parser here stands for. */
const PARSERS: Readonly<Record<string, (query: string) => object>> = {
  URLSearchParams: (query) => flat(new URLSearchParams(query)),
  'node:querystring': (query) => parseByNode(query),
  'qs, as Express has it': (query) => app.get('query parser fn')(query),
  'qs with dots': (query) => qs.parse(query, { allowDots: true }),
  'a model of ASP.NET': (query) => flat(upperCase(new URLSearchParams(query))),
  'a model of ASP.NET 4': (query) =>
    flat(upperCase(new URLSearchParams(withoutUnicodeEscapes(query)))),
  'a model of Go before 1.17': (query) => flat(new URLSearchParams(query.replace(/;/g, '&'))),
  'a model of Spring': (query) =>
    flat(
      [...new URLSearchParams(query)].map(([name, value]) => [
        name.split(/[.[]/)[0] ?? '',
        `${name}=${value}`,
      ]),
    ),
};

export const ORIGINS: Readonly<Record<string, Origin>> = Object.fromEntries(
  Object.entries(PARSERS).map(([name, parse]) => [
    name,
    async (query) => {
      const values = Object.entries(parse(query)).map(
        ([key, value]) => [key, JSON.stringify(value)] as const,
      );
      return JSON.stringify(values.sort(([a], [b]) => (a < b ? -1 : 1)));
    },
  ]),
);
