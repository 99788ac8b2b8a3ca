/**
 * The edge of Isochrone in a stack of another project, which imports from 'isochrone-cdk': an existing
 * origin, a bucket for assets, one domain name, and the safe defaults.
 */
import { App, Stack } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { CacheTier, EdgeDistribution, StaticContent } from '../../lib';

const app = new App();
const stack = new Stack(app, 'Shop', { env: { region: 'us-east-1' } });

const assets = new StaticContent(stack, 'Assets');

new EdgeDistribution(stack, 'Edge', {
  domainNames: ['www.example.com'],
  certificate: Certificate.fromCertificateArn(
    stack,
    'Certificate',
    'arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-0000-0000-000000000000',
  ),
  readOriginName: 'origin.example.com',
  behaviors: [
    { pathPattern: '/assets/*', tier: CacheTier.immutable(), origin: assets.origin },
    { pathPattern: '/api/public/*', tier: CacheTier.publicApi() },
  ],
});
