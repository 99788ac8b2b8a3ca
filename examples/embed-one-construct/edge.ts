/**
 * A stack of somebody else's with the edge of Isochrone: its own origin, a bucket for its assets,
 * one name, the safe defaults. In a project of your own, import from 'isochrone'.
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
