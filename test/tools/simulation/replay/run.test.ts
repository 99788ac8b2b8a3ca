import fc from 'fast-check';
import { heap } from '../../../../lib/tools/simulation/replay/run';

test('a heap returns its items in order, whatever the order of insertion', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      const all = heap<number>((a, b) => a - b);
      numbers.forEach((number) => {
        all.push(number);
      });
      expect(numbers.map(() => all.pop())).toEqual([...numbers].sort((a, b) => a - b));
      expect(all.pop()).toBeUndefined();
    }),
    { seed: 1 },
  );
});
