import { REGION_NAMES } from '../../../../lib/model/aws/regions';
import {
  coordinatesOfRegion,
  edgeLocation,
  REGIONAL_EDGE_CACHES,
  spreadEdgeLocation,
  VIEWER_WEIGHTS,
} from '../../../../lib/tools/simulation/path/topology';

describe('edge locations', () => {
  test.each<[string, string, string]>([
    ['NRT57-P1', 'ap-northeast-1', 'apac'],
    ['EWR50-C1', 'us-east-1', 'north-america'],
    ['MAD51-C2', 'eu-west-2', 'europe'],
    ['GIG51-C1', 'sa-east-1', 'south-america'],
    ['JNB50-C1', 'ap-south-1', 'africa'],
    ['DXB50', 'ap-south-1', 'middle-east'],
    ['fra2', 'eu-central-1', 'europe'],
  ])('%s asks %s and is in %s', (name, regional, continent) => {
    expect(edgeLocation(name)).toMatchObject({
      pop: name.slice(0, 3).toUpperCase(),
      regional,
      continent,
    });
  });

  test('one that is not in the table is not guessed', () => {
    expect(edgeLocation('QQQ1-C1')).toBeUndefined();
  });

  test('every region has a place, so that every origin has one', () => {
    expect(
      [...REGION_NAMES, ...REGIONAL_EDGE_CACHES].filter(
        (region) => coordinatesOfRegion(region) === undefined,
      ),
    ).toEqual([]);
  });
});

describe('viewers whose edge location the log does not name', () => {
  test('are spread by known weights that make a hundred', () => {
    expect(Object.values(VIEWER_WEIGHTS).reduce((sum, weight) => sum + weight, 0)).toBe(100);
    expect(Object.keys(VIEWER_WEIGHTS).filter((code) => edgeLocation(code) === undefined)).toEqual(
      [],
    );
  });

  test('come in at the same one each time, each one as often as its weight says', () => {
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
