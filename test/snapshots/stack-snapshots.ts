/**
 * One snapshot per stack of a region, so that a review shows the whole effect of a change. Hashes
 * of assets and code are scrubbed: they change with every line of a handler, and say nothing that
 * the handler's own diff does not say better.
 */
import type { Deployment } from '../../lib/model/config/deployment';
import { synthesizeMarket } from '../market-stage';

const SCRUBBED: readonly [RegExp, string][] = [
  [/\b[a-f0-9]{64}\b/g, '[asset hash]'],
  // A version of a function, and a policy that reads one asset, carry a hash in their logical ID.
  [/(CurrentVersion[A-F0-9]{8})[a-f0-9]{32}/g, '$1[hash]'],
  // The code of a CloudFront Function is in the template itself.
  [/("FunctionCode": ")(?:[^"\\]|\\.)*"/g, '$1[code]"'],
  [/(ReadApplication)[a-f0-9]{8}[A-F0-9]{8}/g, '$1[hash]'],
];

export function scrubbed(template: unknown): string {
  return SCRUBBED.reduce(
    (text, [pattern, replacement]) => text.replace(pattern, replacement),
    JSON.stringify(template, null, 1),
  );
}

/** Synthesizes one region alone, and compares each of its stacks, or only those of these names. */
export function describeStacksOf(
  region: string,
  deployment?: Deployment,
  only?: readonly string[],
): void {
  describe(region, () => {
    // Without quotes and escapes: a snapshot is read more often than it is written.
    expect.addSnapshotSerializer({
      test: (value) => typeof value === 'string',
      serialize: (value: string) => value,
    });
    const { assembly } = synthesizeMarket(deployment, [region]);
    const stacks = assembly.stacks.filter(
      ({ path }) => only?.includes(path.split('/').at(-1) ?? '') ?? true,
    );

    test.each(stacks.map(({ path, template }) => [path, template] as const))(
      '%s',
      (_path, template) => {
        expect(scrubbed(template)).toMatchSnapshot();
      },
    );
  });
}
