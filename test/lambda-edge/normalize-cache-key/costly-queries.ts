/** Queries of many parameters, of each kind that a normalizer could take long for. */
const KINDS: Readonly<Record<string, (i: number) => string>> = {
  plain: (i) => `n${(i * 37) % 101}`,
  reversed: (i) => `n${900 - i}`,
  escaped: (i) => `%61${(i * 37) % 101}`,
  spellings: (i) => ['%61', 'a', 'A'][i % 3] ?? '',
  brackets: (i) => `a[${(i * 37) % 101}]`,
  chained: (i) => (i % 2 ? `a${i}.b` : `a${i + 1}_b`),
  chainedBackwards: (i) => (i % 2 ? `a${99 - i}.b` : `a${98 - i}_b`),
  semicolons: (i) => `b${99 - i};_`,
  dots: () => '.'.repeat(5),
};

/** By its kind, a query of so many parameters. */
export const COSTLY_QUERIES: Readonly<Record<string, (count: number) => string>> =
  Object.fromEntries(
    Object.entries(KINDS).map(([kind, at]) => [
      kind,
      (count) => Array.from({ length: count }, (_, i) => at(i)).join('&'),
    ]),
  );
