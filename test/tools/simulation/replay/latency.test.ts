import { coordinatesOf } from '../../../../lib/tools/simulation/path/topology';
import {
  hopsMs,
  originRoundTripMs,
  roundTripMs,
  VIEWER_ROUND_TRIP_MS,
} from '../../../../lib/tools/simulation/replay/latency';

describe('latency by distance', () => {
  const place = { pop: 'FRA', regional: 'eu-central-1' };

  test('a round trip across the Atlantic takes about 90 ms', () => {
    const ms = roundTripMs(coordinatesOf('IAD'), coordinatesOf('FRA'));
    expect(ms).toBeGreaterThan(85);
    expect(ms).toBeLessThan(105);
  });

  test('a more distant cache takes longer', () => {
    const [pop, regional, shield] = [
      hopsMs(place, 'pop'),
      hopsMs(place, 'regional'),
      hopsMs(place, 'shield', 'us-east-1'),
    ];
    expect(pop).toBeGreaterThan(VIEWER_ROUND_TRIP_MS);
    expect(regional).toBeGreaterThan(pop);
    expect(shield).toBeGreaterThan(regional + 80);
  });

  test('a shield in the region of the regional edge cache adds no latency', () => {
    expect(hopsMs(place, 'shield', 'eu-central-1')).toBe(hopsMs(place, 'regional'));
    expect(originRoundTripMs({ ...place, shield: 'eu-central-1', originRegion: 'eu-west-1' })).toBe(
      originRoundTripMs({ ...place, originRegion: 'eu-west-1' }),
    );
  });

  test('an unknown place is 50 ms away', () => {
    expect(roundTripMs(undefined, coordinatesOf('FRA'))).toBe(50);
  });
});
