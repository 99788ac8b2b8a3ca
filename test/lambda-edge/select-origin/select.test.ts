import {
  isForPrimary,
  regionsByDistance,
  selectRegion,
} from '../../../lambda-edge/select-origin/select';

const settings = {
  regions: ['us-east-1', 'ap-southeast-1', 'eu-west-1'],
  nearest: { 'ap-northeast-1': [1, 0, 2], 'eu-central-1': [2, 0, 1] },
};

test.each([
  ['eu-central-1', ['eu-west-1', 'us-east-1', 'ap-southeast-1']],
  ['ap-northeast-1', ['ap-southeast-1', 'us-east-1', 'eu-west-1']],
  ['mars-north-1', ['us-east-1', 'ap-southeast-1', 'eu-west-1']],
  [undefined, ['us-east-1', 'ap-southeast-1', 'eu-west-1']],
])('from %s, the order of the regions is %j', (edge, regions) => {
  expect(regionsByDistance(edge, settings)).toEqual(regions);
});

describe('isForPrimary', () => {
  const NOW = 1_795_255_200;
  const cookies = (...values: string[]) => {
    const all = values.map((value) => ({ value }));
    return {
      '__Host-isochrone-wrote': all.length > 1 ? { ...all[0], multiValue: all } : all[0],
    } as never;
  };
  const marked = { ...settings, recentWriterSeconds: 10 };

  test.each<[string, Parameters<typeof isForPrimary>[0], boolean]>([
    ['a read', { method: 'GET', cookies: {} }, false],
    ['a read without any cookies', { method: 'HEAD' }, false],
    ['a preflight', { method: 'OPTIONS', cookies: {} }, false],
    ['a write', { method: 'POST', cookies: {} }, true],
    ['a method in lower case, which is a different method', { method: 'get', cookies: {} }, true],
    ['a read of a viewer who wrote just now', { method: 'GET', cookies: cookies(`${NOW}`) }, true],
    ['… within the duration', { method: 'GET', cookies: cookies(`${NOW - 10}`) }, true],
    ['… too long ago', { method: 'GET', cookies: cookies(`${NOW - 11}`) }, false],
    ['… by a clock that is ahead', { method: 'GET', cookies: cookies(`${NOW + 10}`) }, true],
    ['… far in the future', { method: 'GET', cookies: cookies(`${NOW + 11}`) }, false],
    ['… at an invalid time', { method: 'GET', cookies: cookies('yes') }, false],
    [
      '… twice, once recently',
      { method: 'GET', cookies: cookies(`${NOW - 99}`, `${NOW - 1}`) },
      true,
    ],
    ['a read with other cookies', { method: 'GET', cookies: { a: { value: `${NOW}` } } }, false],
  ])('%s', (_, request, expected) => {
    expect(isForPrimary(request, marked, NOW)).toBe(expected);
  });

  test('without marks, only writes go to the primary', () => {
    expect(isForPrimary({ method: 'GET', cookies: cookies(`${NOW}`) }, settings, NOW)).toBe(false);
    expect(isForPrimary({ method: 'DELETE', cookies: {} }, settings, NOW)).toBe(true);
  });
});

describe('selectRegion', () => {
  const switches = (values: Record<string, string>) => async (region: string) => {
    const value = values[region];
    if (value === undefined) throw new Error('KeyNotFound');
    return value;
  };

  test.each<[string, Record<string, string>, string]>([
    ['takes the nearest region if there are no switches', {}, 'eu-west-1'],
    ['takes the next region if the nearest is drained', { 'eu-west-1': 'drained' }, 'us-east-1'],
    [
      'takes the third region if two are drained',
      { 'eu-west-1': 'drained', 'us-east-1': 'drained' },
      'ap-southeast-1',
    ],
    [
      'takes the nearest region if all are drained',
      { 'eu-west-1': 'drained', 'us-east-1': 'drained', 'ap-southeast-1': 'drained' },
      'eu-west-1',
    ],
    ['ignores other values of a switch', { 'eu-west-1': 'serving' }, 'eu-west-1'],
  ])('%s', async (_, values, expected) => {
    await expect(selectRegion('eu-central-1', settings, switches(values))).resolves.toBe(expected);
  });

  test('reads no more switches than needed', async () => {
    const read = jest.fn(switches({ 'eu-west-1': 'drained' }));
    await selectRegion('eu-central-1', settings, read);
    expect(read.mock.calls).toEqual([['eu-west-1'], ['us-east-1']]);
  });

  test('a store that throws counts as no switch', async () => {
    const broken = () => {
      throw new Error('The store is not available.');
    };
    await expect(selectRegion('eu-central-1', settings, broken)).resolves.toBe('eu-west-1');
  });
});
