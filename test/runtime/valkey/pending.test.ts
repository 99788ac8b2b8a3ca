import fc from 'fast-check';
import { PendingInvalidations } from '../../../lib/runtime/valkey/pending';

test('names are kept until they are confirmed', () => {
  const pending = new PendingInvalidations(10);
  expect(pending.isEmpty).toBe(true);
  pending.add({ keys: ['k'], tags: ['t'] });
  expect([pending.hasKey('k'), pending.hasTag('k'), pending.hasTag('t'), pending.size]).toEqual([
    true,
    false,
    true,
    2,
  ]);
  const { mark, ...names } = pending.snapshot();
  expect(names).toEqual({ keys: ['k'], tags: ['t'] });
  pending.confirm(names, mark);
  expect(pending.isEmpty).toBe(true);
});

test('confirming a send does not confirm a name that was added again meanwhile', () => {
  const pending = new PendingInvalidations(10);
  pending.add({ keys: ['k', 'l'], tags: [] });
  const { mark, ...names } = pending.snapshot();
  pending.add({ keys: ['k'], tags: [] });
  pending.confirm(names, mark);
  expect(pending.snapshot()).toMatchObject({ keys: ['k'], tags: [] });
});

test('past the bound everything is pending, until everything from before is confirmed', () => {
  const pending = new PendingInvalidations(2);
  pending.add({ keys: ['a', 'b'], tags: [] });
  expect(pending.everything).toBe(false);
  pending.add({ keys: [], tags: ['t'] });
  expect([
    pending.everything,
    pending.hasKey('never named'),
    pending.hasTag('never named'),
    pending.size,
  ]).toEqual([true, true, true, 0]);
  const { mark } = pending.snapshot();
  pending.add({ keys: ['later'], tags: [] });
  pending.confirmEverything(mark);
  expect(pending.everything).toBe(true);
  pending.confirmEverything(pending.snapshot().mark);
  expect(pending.isEmpty).toBe(true);
});

test('no order of adding and sending loses a name that was not sent since', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const anyStep = fc.oneof(
    fc.record({
      do: fc.constant('add' as const),
      keys: fc.array(name, { maxLength: 3 }),
      tags: fc.array(name, { maxLength: 3 }),
    }),
    fc.record({ do: fc.constant('send' as const) }),
    fc.record({ do: fc.constant('sent' as const) }),
  );
  fc.assert(
    fc.property(
      fc.array(anyStep, { maxLength: 60 }),
      fc.integer({ min: 1, max: 6 }),
      (steps, bound) => {
        const pending = new PendingInvalidations(bound);
        /** The reference: names that no confirmed send has covered. */
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
        for (const step of steps) {
          if (step.do === 'add') {
            pending.add(step);
            for (const what of [
              ...step.keys.map((key) => `k${key}`),
              ...step.tags.map((tag) => `t${tag}`),
            ]) {
              open.add(what);
              sending?.since.add(what);
            }
          } else if (step.do === 'send') {
            sending = { ...pending.snapshot(), everything: pending.everything, since: new Set() };
          } else if (sending !== undefined) {
            pending.confirm(sending, sending.mark);
            if (sending.everything) pending.confirmEverything(sending.mark);
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
