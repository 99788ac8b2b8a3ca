/** Templates of the market with one value replaced by another kind of value, in every reader. */
import * as fc from 'fast-check';
import { IsochroneError } from '../../../lib/model/errors';
import { type Assembly, readAssembly } from '../../../lib/tools/assembly/assembly';
import { formatChangeMarkdown } from '../../../lib/tools/review/report/markdown';
import { reviewChange } from '../../../lib/tools/review/report/review';
import { formatChangeText } from '../../../lib/tools/review/report/text';
import { deploymentDiagram } from '../../../lib/tools/review/summary/diagram';
import { formatSummary, summarize } from '../../../lib/tools/review/summary/summary';
import { readDistribution } from '../../../lib/tools/simulation/distribution/read';
import { originRecords, originRegions } from '../../../lib/tools/simulation/replay/origin';
import { marketAssembly, marketDeployment } from '../../market-stage';
import { folder } from '../simulation/fixtures';

const market = marketAssembly(marketDeployment(), ['us-east-1']);

const READERS: Readonly<Record<string, (assembly: Assembly) => unknown>> = {
  summary: (assembly) => formatSummary(summarize(assembly)),
  diagram: deploymentDiagram,
  'review, as the head': (assembly) => reviewed(original(assembly), assembly),
  'review, as the base': (assembly) => reviewed(assembly, original(assembly)),
  'emulate and replay': (assembly) => {
    const distribution = readDistribution(assembly);
    const regionOf = originRegions(originRecords(assembly), distribution);
    for (const origin of Object.values(distribution.origins)) regionOf(origin, 'us-east-1');
  },
};

function reviewed(base: Assembly, head: Assembly): void {
  const review = reviewChange(base, head);
  formatChangeText(review);
  formatChangeMarkdown(review);
}

function original({ stacks }: Assembly): Assembly {
  return { ...market, stacks: market.stacks.filter(({ path }) => path === stacks[0]?.path) };
}

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return [path, ...entries.flatMap(([key, each]) => pathsOf(each, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((each, i) => (i === key ? replaced(each, rest, by) : each));
  const record = value as Record<string, unknown>;
  return { ...record, [key]: replaced(record[key], rest, by) };
}

const VALUES: readonly unknown[] = [
  null,
  7,
  -1.5,
  true,
  'text',
  '',
  [],
  {},
  [null],
  [[1]],
  { a: null },
  { Ref: null },
  { 'Fn::GetAtt': null },
  { 'Fn::Join': ['', null] },
  { 'Fn::Sub': [] },
  { 'Fn::If': [] },
];

/** The assembly as it would be read from its files, with another template of one stack. */
function withTemplate(index: number, template: unknown): Assembly {
  const files: Record<string, string> = {};
  const artifacts: Record<string, unknown> = {};
  const stack = market.stacks[index];
  files['T.template.json'] = JSON.stringify(template);
  artifacts.T = {
    type: 'aws:cloudformation:stack',
    environment: `aws://unknown-account/${stack?.region}`,
    displayName: stack?.path,
    properties: { templateFile: 'T.template.json', stackName: stack?.stackName },
  };
  files['manifest.json'] = JSON.stringify({ artifacts });
  const directory = folder(files);
  const [read] = readAssembly(directory).stacks;
  return { directory: market.directory, stacks: read ? [read] : [] };
}

function outcomes(index: number, template: unknown): string[] {
  const said = (run: () => unknown): string => {
    try {
      run();
      return 'fine';
    } catch (error) {
      if (error instanceof IsochroneError) return error.message;
      throw error;
    }
  };
  let assembly: Assembly | undefined;
  const read = said(() => {
    assembly = withTemplate(index, template);
  });
  const from = assembly;
  return from === undefined ? [read] : Object.values(READERS).map((run) => said(() => run(from)));
}

const places = market.stacks.flatMap(({ template }, index) =>
  pathsOf(template).map((path) => ({ index, path })),
);
/** What readers look into. */
const READ =
  /^AWS::(CloudFront|Lambda|IAM|EC2::SecurityGroup|WAFv2|RDS|AutoScaling|S3|SSM|Route53)/;
const readPlaces = places.filter(({ index, path: [, id = ''] }) =>
  READ.test(market.stacks[index]?.template.Resources[id]?.Type ?? ''),
);
/** Of every depth alike: most values lie deep. */
const anyPlace = fc
  .integer({ min: 0, max: Math.max(...places.map(({ path }) => path.length)) })
  .chain((depth) => {
    const deep = readPlaces.filter(({ path }) => path.length === depth);
    return fc.constantFrom(...(deep.length > 0 ? deep : places));
  });

/** Found in an assembly, or of the resources that its error names. */
const SENTENCE =
  /^\S.* (cannot be (used|simulated|compared)|has no CloudFront distribution|has \d+ dist).*\.$/s;

test('each command reads it, or ends with a sentence that names the place', () => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(anyPlace, fc.constantFrom(...VALUES), ({ index, path }, by) => {
      for (const text of outcomes(index, replaced(market.stacks[index]?.template, path, by))) {
        kinds.add(text === 'fine' ? text : 'refused');
        if (text !== 'fine') expect(text).toMatch(SENTENCE);
      }
    }),
    { numRuns: 300 },
  );
  expect([...kinds].sort()).toEqual(['fine', 'refused']);
});

test('the market itself is read by all', () => {
  const edge = market.stacks.findIndex(({ path }) => path.endsWith('/Edge'));
  expect(outcomes(edge, market.stacks[edge]?.template)).toEqual(
    Object.keys(READERS).map(() => 'fine'),
  );
});
