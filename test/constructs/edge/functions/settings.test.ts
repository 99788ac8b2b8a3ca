import { Duration } from 'aws-cdk-lib';
import { originSelectionSettings } from '../../../../lib/constructs/edge/functions/settings';

test('each edge region has the regions of the deployment in the order of their distance', () => {
  const { nearest } = originSelectionSettings(['us-east-1', 'eu-west-1', 'ap-southeast-1']);
  expect(nearest).toMatchObject({
    'us-west-2': [0, 1, 2],
    'eu-west-2': [1, 0, 2],
    'ap-northeast-1': [2, 1, 0],
    'sa-east-1': [0, 1, 2],
  });
});

test('the time of recent writers is a setting only if writers are marked', () => {
  const written = (recentWriter?: Duration) =>
    JSON.parse(JSON.stringify(originSelectionSettings(['us-east-1'], recentWriter)));
  expect(written(Duration.minutes(1)).recentWriterSeconds).toBe(60);
  expect(Object.keys(written())).toEqual(['regions', 'nearest']);
});
