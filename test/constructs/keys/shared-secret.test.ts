import { Match, Template } from 'aws-cdk-lib/assertions';
import { RegionKey } from '../../../lib/constructs/keys/region-key';
import { SharedSecret, type SharedSecretRegion } from '../../../lib/constructs/keys/shared-secret';
import { testStack } from '../../test-stack';

function sharedSecret(
  regions?: readonly SharedSecretRegion[],
  secretName = 'market/origin-verification',
  initialValue?: string,
) {
  const stack = testStack('us-east-1');
  const { key } = new RegionKey(stack, 'Key', { aliasName: 'market/region' });
  new SharedSecret(stack, 'OriginVerify', {
    secretName,
    description: 'How load balancers recognize CloudFront',
    encryptionKey: key,
    regions,
    initialValue,
    withoutRotationBecause: 'CloudFront and the load balancers must change at once.',
  });
  return stack;
}

describe('SharedSecret', () => {
  test('is generated, encrypted, retained, and copied under the key of each region', () => {
    const template = Template.fromStack(
      sharedSecret([
        { region: 'eu-west-1', encryptionKey: 'alias/market/region' },
        { region: 'ap-southeast-1', encryptionKey: 'alias/market/region' },
      ]),
    );
    template.hasResource('AWS::SecretsManager::Secret', {
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: {
        Name: 'market/origin-verification',
        KmsKeyId: Match.anyValue(),
        GenerateSecretString: { PasswordLength: 64, ExcludePunctuation: true },
        SecretString: Match.absent(),
        ReplicaRegions: [
          { Region: 'eu-west-1', KmsKeyId: 'alias/market/region' },
          { Region: 'ap-southeast-1', KmsKeyId: 'alias/market/region' },
        ],
      },
    });
  });

  test.each([
    ['the region of the stack', [{ region: 'us-east-1', encryptionKey: 'alias/a' }]],
    [
      'a region twice',
      [
        { region: 'eu-west-1', encryptionKey: 'alias/a' },
        { region: 'eu-west-1', encryptionKey: 'alias/b' },
      ],
    ],
  ])('refuses %s', (_, regions) => {
    expect(() => sharedSecret(regions)).toThrow(
      /SharedSecret at Test\/OriginVerify: regions must be other regions .*\n.*Leave .* out\./,
    );
  });

  test.each(['market/origin-verify', 'a b', ''])('refuses the name %p', (secretName) => {
    expect(() => sharedSecret([], secretName)).toThrow(/secretName must be 1 to 512 letters/);
  });

  test('has the initial value that was given', () => {
    Template.fromStack(sharedSecret([], 'market/users', '{}')).hasResourceProperties(
      'AWS::SecretsManager::Secret',
      {
        SecretString: '{}',
        GenerateSecretString: Match.absent(),
      },
    );
  });

  test('accepts no other region', () => {
    expect(() => sharedSecret()).not.toThrow();
  });
});
