import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { EdgeLogGroups } from '../constructs/edge';
import { RegionKey, SharedSecret } from '../constructs/keys';
import { CLOUDFRONT_REGION } from '../model/aws';
import { RegionStack, type RegionStackProps } from './region-stack';

/**
 * The key of a region, the logs of the edge there, and in CloudFront's region the secret by which
 * load balancers recognize CloudFront. Every other stack of the region depends on this one.
 */
export class KeysStack extends RegionStack {
  public readonly key: kms.IKey;

  constructor(scope: Construct, id: string, props: RegionStackProps) {
    super(scope, id, props, {
      description: 'Key for logs, topics and copies of secrets, and logs of the edge',
    });
    const { key } = new RegionKey(this, 'RegionKey', {
      aliasName: this.names.regionKeyAlias,
      removalPolicy: this.removalPolicy,
    });
    this.key = key;
    // Created before the functions that write to them: Lambda@Edge logs in the region that serves,
    // and would create groups without a retention.
    if (this.deployment.edge.runtime === 'lambda-edge')
      new EdgeLogGroups(this, 'EdgeLogs', {
        functionNames: Object.values(this.names.edgeFunctions),
        logEncryptionKey: key,
        removalPolicy: this.removalPolicy,
      });
    if (props.region === CLOUDFRONT_REGION) {
      new SharedSecret(this, 'OriginVerify', {
        secretName: this.names.originVerifySecret,
        description: 'The header by which the load balancers of every region recognise CloudFront',
        encryptionKey: key,
        regions: this.copiesElsewhere(),
        withoutRotationBecause:
          'CloudFront and the load balancers of every region must change at once, or ' +
          'requests fail. The runbook rotates it by deployments in order; the network ' +
          'admits CloudFront alone besides.',
        removalPolicy: this.removalPolicy,
      });
    }
  }
}
