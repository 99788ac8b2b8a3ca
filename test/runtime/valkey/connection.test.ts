import { slotOf } from '../../../lib/runtime/valkey/connection';

// The first is the check value of CRC-16/XMODEM from the cluster specification. The others are
// results of CLUSTER KEYSLOT of Redis 7.0.
test.each([
  ['123456789', 12_739],
  ['foo', 12_182],
  ['market:{foo}:lock', 12_182],
  ['{}foo', 9_500],
  ['{foo', 13_308],
  ['a{b}{foo}', 3_300],
])('the slot of %s is %i', (name, slot) => {
  expect(slotOf(name)).toBe(slot);
});
