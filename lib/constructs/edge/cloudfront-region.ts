import { Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { CLOUDFRONT_REGION } from '../../model/aws';
import { invalidValue } from '../../model/errors';

/**
 * Checks that a construct is in CloudFront's region, or in a stack whose region is unknown.
 *
 * @param why the rule, as a sentence: which part of the construct exists in that region only
 * @throws IsochroneError if the construct's stack is known to be in another region
 */
export function requireCloudFrontRegion(construct: Construct, why: string): void {
  const { region } = Stack.of(construct);
  if (Token.isUnresolved(region) || region === CLOUDFRONT_REGION) return;
  throw invalidValue(construct, {
    property: 'env.region of the stack',
    value: region,
    allowed: CLOUDFRONT_REGION,
    rule: why,
    fix:
      'Put the construct into a stack of its own with ' +
      `\`env: { region: '${CLOUDFRONT_REGION}' }\`. It serves the whole world from there.`,
  });
}
