import { scrubbed } from './stack-snapshots';

test('hashes of assets and code are scrubbed, and nothing else', () => {
  const template = {
    FunctionCurrentVersionEA9B025B1bdccc40f8ba40a183af269e5e655f33: {
      S3Key: `${'a1'.repeat(32)}.zip`,
      LogicalId: 'Cache18F6EE16',
    },
    FleetReadApplicationcc6b5c0b048B2A6C: 1,
    FunctionCode: 'const a = "b";',
    FunctionConfig: 'kept',
  };
  expect(JSON.parse(scrubbed(template))).toEqual({
    'FunctionCurrentVersionEA9B025B[hash]': {
      S3Key: '[asset hash].zip',
      LogicalId: 'Cache18F6EE16',
    },
    'FleetReadApplication[hash]': 1,
    FunctionCode: '[code]',
    FunctionConfig: 'kept',
  });
});
