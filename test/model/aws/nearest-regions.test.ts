import { nearestFirst, PLACED_REGIONS } from '../../../lib/model/aws/nearest-regions';
import { REGION_NAMES } from '../../../lib/model/aws/regions';

const SERVING = ['us-east-1', 'eu-west-1', 'ap-southeast-1'];

test('the location of every region is known', () => {
  expect(PLACED_REGIONS).toEqual(REGION_NAMES);
});

test.each([
  ['us-west-2', SERVING, ['us-east-1', 'eu-west-1', 'ap-southeast-1']],
  ['eu-central-1', SERVING, ['eu-west-1', 'us-east-1', 'ap-southeast-1']],
  ['ap-northeast-1', SERVING, ['ap-southeast-1', 'eu-west-1', 'us-east-1']],
  ['ap-south-1', SERVING, ['ap-southeast-1', 'eu-west-1', 'us-east-1']],
  ['eu-west-1', ['eu-west-2', 'eu-west-1'], ['eu-west-1', 'eu-west-2']],
])('from %s, orders %j as %j', (from, regions, expected) => {
  expect(nearestFirst(from, regions)).toEqual(expected);
});

test('distances from Africa and South America lead through their gateways', () => {
  expect(nearestFirst('sa-east-1', ['af-south-1', 'us-east-1'])).toEqual([
    'us-east-1',
    'af-south-1',
  ]);
  expect(nearestFirst('af-south-1', ['me-south-1', 'eu-central-1'])).toEqual([
    'eu-central-1',
    'me-south-1',
  ]);
  expect(nearestFirst('us-east-1', ['af-south-1', 'sa-east-1'])).toEqual([
    'sa-east-1',
    'af-south-1',
  ]);
});

test('unknown regions keep their order, at the end', () => {
  expect(nearestFirst('eu-central-1', ['mars-west-1', 'mars-north-1', 'eu-west-1'])).toEqual([
    'eu-west-1',
    'mars-west-1',
    'mars-north-1',
  ]);
  expect(nearestFirst('mars-west-1', SERVING)).toEqual(SERVING);
});
