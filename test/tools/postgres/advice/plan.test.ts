import {
  indexCandidates,
  type PlanNode,
  planFindings,
} from '../../../../lib/tools/postgres/advice/plan';

const MIB = 1024 * 1024;
const TABLES = new Map([
  ['public.orders', { rows: 100_000 }],
  ['public.small', { rows: 9_999 }],
  ['public."Mixed"', { rows: 100_000 }],
]);

const node = (facts: Partial<PlanNode> & Pick<PlanNode, 'Node Type'>): PlanNode => ({
  'Total Cost': 1,
  'Plan Rows': 1,
  'Plan Width': 8,
  ...facts,
});
const scan = (facts: Partial<PlanNode> = {}): PlanNode =>
  node({
    'Node Type': 'Seq Scan',
    Schema: 'public',
    'Relation Name': 'orders',
    Alias: 'o',
    ...facts,
  });
const join = (condition: string, ...Plans: PlanNode[]): PlanNode =>
  node({ 'Node Type': 'Hash Join', 'Hash Cond': condition, Plans });
const found = (plan: PlanNode) => planFindings(plan, TABLES, 4 * MIB).map(({ kind }) => kind);

describe('planFindings', () => {
  test.each<[string, PlanNode, string[]]>([
    [
      'reports a selective filter on a large table',
      scan({ Filter: '(o.symbol = $1)', 'Plan Rows': 10_000 }),
      ['sequential-scan'],
    ],
    [
      'ignores a filter that keeps more than a tenth',
      scan({ Filter: '(o.symbol = $1)', 'Plan Rows': 10_001 }),
      [],
    ],
    ['ignores a small table', scan({ 'Relation Name': 'small', Filter: '(o.symbol = $1)' }), []],
    ['ignores a scan without a filter', scan({ 'Plan Rows': 100_000 }), []],
    [
      'reports a scan by parallel workers',
      scan({ 'Node Type': 'Parallel Seq Scan', Filter: '(o.symbol = $1)' }),
      ['sequential-scan'],
    ],
    [
      'reports a large table that is read for a join',
      join('(o.account = a.id)', scan({ 'Plan Rows': 100_000 })),
      ['join-without-index'],
    ],
    [
      'reports a sort that exceeds work_mem',
      node({ 'Node Type': 'Sort', 'Plan Rows': MIB, 'Plan Width': 5, 'Sort Key': ['o.placed'] }),
      ['sort-spill'],
    ],
    [
      'ignores a sort that exactly fits',
      node({ 'Node Type': 'Sort', 'Plan Rows': MIB, 'Plan Width': 4, 'Sort Key': ['o.placed'] }),
      [],
    ],
  ])('%s', (_what, plan, expected) => {
    expect(found(plan)).toEqual(expected);
  });
});

describe('indexCandidates', () => {
  const columns = (plan: PlanNode) =>
    indexCandidates(plan, TABLES).map((candidate) => candidate.columns.join());
  const sorted = (key: string[], child: PlanNode) =>
    node({ 'Node Type': 'Sort', 'Sort Key': key, Plans: [child] });

  test.each<[string, PlanNode, string[]]>([
    ['an equality', scan({ Filter: '(o.symbol = $1)' }), ['symbol']],
    ['a cast', scan({ Filter: '((o.symbol)::text = $1)' }), ['symbol']],
    ['a list', scan({ Filter: '(o.symbol = ANY ($1))' }), ['symbol']],
    [
      'an equality and a range',
      scan({ Filter: '((o.placed >= $2) AND (o.symbol = $1))' }),
      ['symbol', 'symbol,placed', 'placed'],
    ],
    [
      'a sort order',
      sorted(['o.placed DESC'], scan({ Filter: '(o.symbol = $1)' })),
      ['symbol,placed', 'symbol'],
    ],
    [
      'a sort order in both directions',
      sorted(['o.placed DESC', 'o.id'], scan({ Filter: '(o.symbol = $1)' })),
      ['symbol'],
    ],
    [
      'a sort order of two tables',
      sorted(['o.placed', 'a.id'], scan({ Filter: '(o.symbol = $1)' })),
      ['symbol'],
    ],
    ['a join', join('(o.account = a.id)', scan()), ['account']],
    ['a function', scan({ Filter: '(lower(o.symbol) = $1)' }), []],
    ['a function of a cast', scan({ Filter: '(lower((o.symbol)::text) = $1)' }), []],
    ['one side of an OR', scan({ Filter: '((o.symbol = $1) OR (o.id = $2))' }), []],
    ['an inequality', scan({ Filter: '(o.symbol <> $1)' }), []],
    ['another alias', scan({ Filter: '(p.symbol = $1)' }), []],
    ['a small table', scan({ 'Relation Name': 'small', Filter: '(o.symbol = $1)' }), []],
    [
      'names that need quotes',
      scan({ 'Relation Name': 'Mixed', Alias: 'Mixed', Filter: '("Mixed"."Symbol" = $1)' }),
      ['"Symbol"'],
    ],
  ])('of %s', (_what, plan, expected) => {
    expect(columns(plan)).toEqual(expected);
  });

  test('quote the table as SQL does', () => {
    expect(
      indexCandidates(scan({ 'Relation Name': 'Mixed', Alias: 'm', Filter: '(m.a = $1)' }), TABLES),
    ).toEqual([{ table: 'public."Mixed"', columns: ['a'] }]);
  });
});
