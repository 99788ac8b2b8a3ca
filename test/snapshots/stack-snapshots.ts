/**
 * One snapshot file per stack, so that a review shows the whole effect of a change: the stack of the
 * first region, and each other region's as what differs from it.
 */
import { createTwoFilesPatch } from 'diff';
import type { Assembly, Template } from '../../lib/tools/assembly/assembly';
import { functionsDeployment, marketAssembly, marketDeployment } from '../market-stage';
import { readable } from './readable';

const REGIONS = ['us-east-1', 'ap-southeast-1', 'eu-west-1'] as const;
const [FIRST] = REGIONS;

/**
 * The stack of a region as a reviewer reads it, with the first region's name in place of its own;
 * undefined where the region has no such stack.
 */
function stackText({ stacks }: Assembly, region: string, stack: string): string | undefined {
  const found = stacks.find(({ path }) => path.endsWith(`/${region}/${stack}`));
  if (!found) return undefined;
  const named = JSON.stringify(found.template).replaceAll(region, FIRST);
  return readable(JSON.parse(named) as Template);
}

/** What `text` has and `base` has not, and the other way around, with two lines around each. */
export function difference(base: string, text: string): string {
  const patch = createTwoFilesPatch('a', 'b', base, text, undefined, undefined, { context: 2 });
  const hunks = patch.split('\n').slice(3).join('\n');
  // Line numbers move with every line above them.
  return hunks.replace(/^@@ .* @@$/gm, '…').trimEnd() || 'nothing differs';
}

/**
 * Compares a stack with its snapshot: whole in the first region that has it, and in each other one
 * what differs from the most similar of those before it.
 */
export function describeStack(stack: string, { functions = false } = {}): void {
  // Without quotes and escapes: a snapshot is read more often than it is written.
  expect.addSnapshotSerializer({
    test: (value) => typeof value === 'string',
    serialize: (value: string) => value,
  });
  const assembly = marketAssembly(marketDeployment());
  const regions = REGIONS.flatMap((region) => {
    const text = stackText(assembly, region, stack);
    return text === undefined ? [] : [{ region, text }];
  });
  const [first, ...others] = regions;
  if (first === undefined) throw new Error(`No region has a stack ${stack}.`);

  test(first.region, () => {
    expect(first.text).toMatchSnapshot();
  });

  for (const [i, { region, text }] of others.entries()) {
    const candidates = regions
      .slice(0, i + 1)
      .map((base) => ({ base: base.region, lines: difference(base.text, text) }))
      .sort((a, b) => a.lines.length - b.lines.length);
    for (const { base, lines } of candidates.slice(0, 1)) {
      test(`${region}, against ${base}`, () => {
        expect(lines).toMatchSnapshot();
      });
    }
  }

  if (!functions) return;
  test(`${FIRST} with CloudFront Functions, against Lambda@Edge`, () => {
    const text = stackText(marketAssembly(functionsDeployment()), FIRST, stack);
    expect(difference(first.text, text ?? '')).toMatchSnapshot();
  });
}
