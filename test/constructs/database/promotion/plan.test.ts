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

interface World {
  following?: boolean;
  oldPrimary?: PromotionFacts['oldPrimary'];
  fails?: PromotionStepName;
}

/** Walks through a world in which every hand only says what it was told to. */
async function walk(
  drill: boolean,
  { following = true, oldPrimary = 'fenced', fails }: World = {},
) {
  const says: Partial<Record<PromotionStepName, Partial<PromotionFacts>>> = {
    inspect: { following },
    fence: { oldPrimary },
  };
  const hands = Object.fromEntries(
    STEPS.map(({ name }) => [
      name,
      async () => {
        if (name === fails) throw new Error(`${name} broke`);
        return says[name];
      },
    ]),
  );
  return walkPromotion(hands as unknown as PromotionActions, drill);
}

describe('the way', () => {
  const UNTIL_FENCE: PromotionStepName[] = ['inspect', 'assess', 'approve', 'fence'];
  test.each<[string, boolean, World, PromotionStepName[]]>([
    ['of a drill changes nothing', true, {}, ['inspect', 'assess', 'report']],
    [
      'of a planned promotion waits for the last record',
      false,
      {},
      [...UNTIL_FENCE, 'catchUp', 'promote', 'verify', 'repoint', 'report'],
    ],
    [
      'of a promotion away from a region that does not answer',
      false,
      { oldPrimary: 'unreachable' },
      [...UNTIL_FENCE, 'promote', 'verify', 'repoint', 'report'],
    ],
    [
      'of a second run, after the promotion, fences and finishes',
      false,
      { following: false },
      [...UNTIL_FENCE, 'verify', 'repoint', 'report'],
    ],
  ])('%s', async (_what, drill, world, expected) => {
    const { done, failed } = await walk(drill, world);
    expect(done).toEqual(expected);
    expect(failed).toBeUndefined();
  });
});

describe('a failure', () => {
  test.each(STEPS.map(({ name }) => name))(
    'of %s ends the walk there, and says what to do',
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
  ])('of %s keeps %j from being done', async (fails, kept) => {
    const { done } = await walk(false, { fails });
    expect(done.filter((step) => kept.includes(step))).toEqual([]);
  });
});

describe('whatever the world is', () => {
  const worlds = [true, false].flatMap((drill) =>
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

  test('a drill reaches no step that changes anything', async () => {
    for (const world of worlds.filter(({ drill }) => drill)) {
      const { done, failed } = await walk(true, world);
      expect(
        [...done, failed?.step].filter((step) => step !== undefined && changing.includes(step)),
      ).toEqual([]);
    }
  });

  test('the fence is asked before the promotion, and the promotion is verified before the names are turned', async () => {
    for (const world of worlds) {
      const { done } = await walk(world.drill, world);
      if (done.includes('promote'))
        expect(done.indexOf('fence')).toBeLessThan(done.indexOf('promote'));
      if (done.includes('repoint'))
        expect(done.indexOf('verify')).toBeLessThan(done.indexOf('repoint'));
      if (done.includes('repoint')) expect(done).toContain('fence');
    }
  });

  test('a hub that follows nobody is not promoted again, and one behind a fence catches up first', async () => {
    for (const world of worlds) {
      const { done } = await walk(world.drill, world);
      if (!world.following) expect(done).not.toContain('promote');
      if (done.includes('promote') && world.oldPrimary === 'fenced')
        expect(done).toContain('catchUp');
    }
  });
});

test('every step names real ones that come before it, and can be reached', () => {
  const names = STEPS.map(({ name }) => name);
  for (const { after } of STEPS) expect(after.filter((name) => !names.includes(name))).toEqual([]);
  const reached = new Set(
    PROMOTION_PLAN.flatMap((node) => (isChoice(node) ? [node.yes, node.no] : [node.next])),
  );
  expect(PROMOTION_PLAN.map(({ name }) => name).filter((name) => !reached.has(name))).toEqual([
    'inspect',
  ]);
});
