import {
  isChoice,
  PROMOTION_PLAN,
  type PromotionActions,
  type PromotionFacts,
  type PromotionStep,
  type PromotionStepName,
  walkPromotion,
} from '../../../../lib/constructs/database/promotion/plan';

const STEPS = PROMOTION_PLAN.filter((node): node is PromotionStep => !isChoice(node));

interface Conditions {
  following?: boolean;
  oldPrimary?: PromotionFacts['oldPrimary'];
  fails?: PromotionStepName;
}

/** Walks the plan with actions that only return given facts. */
async function walk(
  drill: boolean,
  { following = true, oldPrimary = 'fenced', fails }: Conditions = {},
) {
  const returns: Partial<Record<PromotionStepName, Partial<PromotionFacts>>> = {
    inspect: { following },
    fence: { oldPrimary },
  };
  const actions = Object.fromEntries(
    STEPS.map(({ name }) => [
      name,
      async () => {
        if (name === fails) throw new Error(`${name} broke`);
        return returns[name];
      },
    ]),
  );
  return walkPromotion(actions as unknown as PromotionActions, drill);
}

describe('the steps', () => {
  const UNTIL_FENCE: PromotionStepName[] = ['inspect', 'assess', 'approve', 'fence'];
  test.each<[string, boolean, Conditions, PromotionStepName[]]>([
    ['of a drill change nothing', true, {}, ['inspect', 'assess', 'report']],
    [
      'of a planned promotion wait for the last record',
      false,
      {},
      [...UNTIL_FENCE, 'catchUp', 'promote', 'verify', 'repoint', 'report'],
    ],
    [
      'of a promotion skip the wait if the old region does not answer',
      false,
      { oldPrimary: 'unreachable' },
      [...UNTIL_FENCE, 'promote', 'verify', 'repoint', 'report'],
    ],
    [
      'of a second run after the promotion fence the old primary and finish',
      false,
      { following: false },
      [...UNTIL_FENCE, 'verify', 'repoint', 'report'],
    ],
  ])('%s', async (_what, drill, conditions, expected) => {
    const { done, failed } = await walk(drill, conditions);
    expect(done).toEqual(expected);
    expect(failed).toBeUndefined();
  });
});

describe('a failure', () => {
  test.each(STEPS.map(({ name }) => name))(
    'of %s ends the walk there, with advice on what to do',
    async (fails) => {
      const { done, failed } = await walk(false, { fails });
      expect(failed).toMatchObject({ step: fails, error: { message: `${fails} broke` } });
      expect(failed?.ifItFails.length).toBeGreaterThan(40);
      expect(done).not.toContain(fails);
    },
  );

  test.each<[PromotionStepName, PromotionStepName[]]>([
    ['assess', ['fence', 'promote', 'repoint']],
    ['approve', ['fence', 'promote', 'repoint']],
    ['fence', ['promote', 'repoint']],
    ['catchUp', ['promote', 'repoint']],
    ['promote', ['repoint']],
    ['verify', ['repoint']],
  ])('of %s prevents %j', async (fails, kept) => {
    const { done } = await walk(false, { fails });
    expect(done.filter((step) => kept.includes(step))).toEqual([]);
  });
});

describe('in all conditions', () => {
  const all = [true, false].flatMap((drill) =>
    [true, false].flatMap((following) =>
      (['fenced', 'unreachable'] as const).flatMap((oldPrimary) =>
        [undefined, ...STEPS.map(({ name }) => name)].map((fails) => ({
          drill,
          following,
          oldPrimary,
          fails,
        })),
      ),
    ),
  );
  const changing = STEPS.filter(({ changes }) => changes).map(({ name }) => name);

  test('a drill reaches no step with lasting changes', async () => {
    for (const conditions of all.filter(({ drill }) => drill)) {
      const { done, failed } = await walk(true, conditions);
      expect(
        [...done, failed?.step].filter((step) => step !== undefined && changing.includes(step)),
      ).toEqual([]);
    }
  });

  test('the fence precedes the promotion, which is verified before the names change', async () => {
    for (const conditions of all) {
      const { done } = await walk(conditions.drill, conditions);
      if (done.includes('promote'))
        expect(done.indexOf('fence')).toBeLessThan(done.indexOf('promote'));
      if (done.includes('repoint'))
        expect(done.indexOf('verify')).toBeLessThan(done.indexOf('repoint'));
      if (done.includes('repoint')) expect(done).toContain('fence');
    }
  });

  test('a hub is promoted once, and catches up first if the primary is fenced', async () => {
    for (const conditions of all) {
      const { done } = await walk(conditions.drill, conditions);
      if (!conditions.following) expect(done).not.toContain('promote');
      if (done.includes('promote') && conditions.oldPrimary === 'fenced')
        expect(done).toContain('catchUp');
    }
  });
});

test('every step can be reached, and names existing steps as its prerequisites', () => {
  const names = STEPS.map(({ name }) => name);
  for (const { after } of STEPS) expect(after.filter((name) => !names.includes(name))).toEqual([]);
  const reached = new Set(
    PROMOTION_PLAN.flatMap((node) => (isChoice(node) ? [node.yes, node.no] : [node.next])),
  );
  expect(PROMOTION_PLAN.map(({ name }) => name).filter((name) => !reached.has(name))).toEqual([
    'inspect',
  ]);
});
