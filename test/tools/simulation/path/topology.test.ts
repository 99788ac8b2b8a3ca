import { REGION_NAMES } from '../../../../lib/model/aws/regions';
import {
  coordinatesOfRegion,
  edgeLocation,
  REGIONAL_EDGE_CACHES,
  spreadEdgeLocation,
  VIEWER_WEIGHTS,
} from '../../../../lib/tools/simulation/path/topology';

describe('edge locations', () => {
  test.each([
    { name: 'NRT57-P1', pop: 'NRT', regional: 'ap-northeast-1', continent: 'apac' },
    { name: 'EWR50-C1', pop: 'EWR', regional: 'us-east-1', continent: 'north-america' },
    { name: 'MAD51-C2', pop: 'MAD', regional: 'eu-west-2', continent: 'europe' },
    { name: 'GIG51-C1', pop: 'GIG', regional: 'sa-east-1', continent: 'south-america' },
    { name: 'JNB50-C1', pop: 'JNB', regional: 'ap-south-1', continent: 'africa' },
    { name: 'DXB50', pop: 'DXB', regional: 'ap-south-1', continent: 'middle-east' },
    { name: 'fra2', pop: 'FRA', regional: 'eu-central-1', continent: 'europe' },
  ])('$name is in $continent and uses $regional', ({ name, ...expected }) => {
    expect(edgeLocation(name)).toEqual(expected);
  });

  test('an unknown edge location is undefined', () => {
    expect(edgeLocation('QQQ1-C1')).toBeUndefined();
  });

  test('every region has coordinates, so every origin has some', () => {
    expect(
      [...REGION_NAMES, ...REGIONAL_EDGE_CACHES].filter(
        (region) => coordinatesOfRegion(region) === undefined,
      ),
    ).toEqual([]);
  });
});

describe('viewers without a logged edge location', () => {
  test('are distributed by weights of known edge locations that add up to 100 percent', () => {
    expect(Object.values(VIEWER_WEIGHTS).reduce((sum, weight) => sum + weight, 0)).toBe(100);
    expect(Object.keys(VIEWER_WEIGHTS).filter((code) => edgeLocation(code) === undefined)).toEqual(
      [],
    );
  });

  test('always use the same edge location, and each location gets its weight', () => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < 20_000; i++) {
      const address = `10.${i % 7}.${Math.floor(i / 256)}.${i % 256}`;
      const { pop } = spreadEdgeLocation(address);
      expect(spreadEdgeLocation(address).pop).toBe(pop);
      counts[pop] = (counts[pop] ?? 0) + 1;
    }
    for (const [pop, weight] of Object.entries(VIEWER_WEIGHTS))
      expect(Math.abs((counts[pop] ?? 0) / 200 - weight)).toBeLessThan(1);
  });
});
