import fc from 'fast-check';
import { PendingInvalidations } from '../../../lib/runtime/valkey/pending';

test('names are kept until they are settled', () => {
  const pending = new PendingInvalidations(10);
  expect(pending.isEmpty).toBe(true);
  pending.keep({ keys: ['k'], tags: ['t'] });
  expect([pending.hasKey('k'), pending.hasTag('k'), pending.hasTag('t'), pending.size]).toEqual([
    true,
    false,
    true,
    2,
  ]);
  const { mark, ...names } = pending.get();
  expect(names).toEqual({ keys: ['k'], tags: ['t'] });
  pending.settle(names, mark);
  expect(pending.isEmpty).toBe(true);
});

test('what is kept again while it is sent is not settled by that', () => {
  const pending = new PendingInvalidations(10);
  pending.keep({ keys: ['k', 'l'], tags: [] });
  const { mark, ...names } = pending.get();
  pending.keep({ keys: ['k'], tags: [] });
  pending.settle(names, mark);
  expect(pending.get()).toMatchObject({ keys: ['k'], tags: [] });
});

test('past the bound everything is distrusted, until everything of before is gone', () => {
  const pending = new PendingInvalidations(2);
  pending.keep({ keys: ['a', 'b'], tags: [] });
  expect(pending.everything).toBe(false);
  pending.keep({ keys: [], tags: ['t'] });
  expect([
    pending.everything,
    pending.hasKey('never named'),
    pending.hasTag('never named'),
    pending.size,
  ]).toEqual([true, true, true, 0]);
  const { mark } = pending.get();
  pending.keep({ keys: ['later'], tags: [] });
  pending.settleEverything(mark);
  expect(pending.everything).toBe(true);
  pending.settleEverything(pending.get().mark);
  expect(pending.isEmpty).toBe(true);
});

test('no order of keeping and sending forgets a name that was not sent since', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.oneof(
    fc.record({
      do: fc.constant('keep' as const),
      keys: fc.array(name, { maxLength: 3 }),
      tags: fc.array(name, { maxLength: 3 }),
    }),
    fc.record({ do: fc.constant('send' as const) }),
    fc.record({ do: fc.constant('sent' as const) }),
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 6 }),
      (steps, bound) => {
        const pending = new PendingInvalidations(bound);
        /** Names that no finished sending has covered: the truth. */
        const open = new Set<string>();
        let sending:
          | {
              mark: number;
              keys: readonly string[];
              tags: readonly string[];
              everything: boolean;
              since: Set<string>;
            }
          | undefined;
        for (const one of steps) {
          if (one.do === 'keep') {
            pending.keep(one);
            for (const what of [
              ...one.keys.map((key) => `k${key}`),
              ...one.tags.map((tag) => `t${tag}`),
            ]) {
              open.add(what);
              sending?.since.add(what);
            }
          } else if (one.do === 'send') {
            sending = { ...pending.get(), everything: pending.everything, since: new Set() };
          } else if (sending !== undefined) {
            pending.settle(sending, sending.mark);
            if (sending.everything) pending.settleEverything(sending.mark);
            const covered = sending.everything
              ? [...open]
              : [...sending.keys.map((key) => `k${key}`), ...sending.tags.map((tag) => `t${tag}`)];
            for (const what of covered) if (!sending.since.has(what)) open.delete(what);
            sending = undefined;
          }
          expect(pending.size).toBeLessThanOrEqual(bound);
          for (const what of open)
            expect(
              what.startsWith('k') ? pending.hasKey(what.slice(1)) : pending.hasTag(what.slice(1)),
            ).toBe(true);
        }
      },
    ),
  );
});
