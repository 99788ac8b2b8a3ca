/** Secrets in the places of options, and what is printed of the errors. */
import { inspect } from 'node:util';
import * as fc from 'fast-check';

/** Long enough that no message holds it by chance. */
export const secrets = fc
  .stringMatching(/^[A-Za-z0-9 :/@?#%'"=&$~-]{16,40}$/)
  .filter((text) => text.trim().length > 12);
/** What holds a secret, and is not what an option wants. */
export const holders = secrets.chain((secret) =>
  fc
    .constantFrom<(text: string) => unknown>(
      (text) => text,
      (text) => `postgresql://app:${text}@127.0.0.1:1/market`,
      (text) => `host=127.0.0.1 password=${text}`,
      (text) => [text],
      (text) => [{ password: text }],
      (text) => ({ password: text }),
      (text) => ({ connectionString: text }),
      (text) => new Map([['password', text]]),
      (text) => () => text,
    )
    .map((hold) => ({ secret, value: hold(secret) })),
);

/** What is printed of an error, with its causes. */
export function printed(error: unknown): string {
  const parts: string[] = [];
  for (let each = error; each !== undefined; each = (each as Error).cause)
    parts.push(String(each), String((each as Error).stack), JSON.stringify(each) ?? '');
  return [...parts, inspect(error, { depth: 20, showHidden: true })].join('\n');
}

export async function thrownBy(run: () => unknown): Promise<unknown> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Runs with a secret in each option in turn, and expects that no error holds it. */
export async function expectKept(
  options: readonly string[],
  run: (option: string, value: unknown) => unknown,
): Promise<number> {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...options), holders, async (option, { secret, value }) => {
      const error = await thrownBy(() => run(option, value));
      if (error === undefined) return;
      refused += 1;
      expect(printed(error)).not.toContain(secret);
    }),
    { numRuns: 200 },
  );
  return refused;
}
