import type { Stack } from 'aws-cdk-lib';
import * as acm from 'aws-cdk-lib/aws-certificatemanager';

/** An imported certificate in us-east-1, as every EdgeDistribution needs it. */
export function certificateIn(stack: Stack): acm.ICertificate {
  return acm.Certificate.fromCertificateArn(
    stack,
    'Certificate',
    'arn:aws:acm:us-east-1:123456789012:certificate/4a5b',
  );
}
