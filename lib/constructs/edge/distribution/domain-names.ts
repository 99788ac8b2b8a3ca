import { Token } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as route53 from 'aws-cdk-lib/aws-route53';
import * as targets from 'aws-cdk-lib/aws-route53-targets';
import type { Construct } from 'constructs';
import { invalidValue, type Placed } from '../../../model/errors';

/** The names of an EdgeDistribution. */
export interface EdgeDomainNamesProps {
  /** The names that viewers use, lower case. The certificate must cover them. */
  readonly domainNames: readonly string[];
  /**
   * The zone in which the domain names get their A and AAAA records.
   *
   * @default - no records
   */
  readonly hostedZone?: route53.IHostedZone;
}

const HOST_NAME =
  /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws IsochroneError if there is none, or one that CloudFront or the zone does not take */
export function checkDomainNames(
  at: Placed,
  { domainNames, hostedZone }: EdgeDomainNamesProps,
): void {
  if (domainNames.length === 0) {
    throw invalidValue(at, {
      property: 'domainNames',
      value: domainNames,
      allowed: 'at least one name',
      rule: 'CloudFront refuses old TLS only under a name of your own.',
      fix: 'Name one that the certificate covers.',
    });
  }
  domainNames.forEach((name, i) => {
    const property = `domainNames[${i}]`;
    checkHostName(at, {
      property,
      name,
      withoutWildcard: name.replace(/^\*\./, ''),
      rule: 'CloudFront compares it with the Host header.',
    });
    checkZone(at, property, name, hostedZone);
    if (domainNames.indexOf(name) === i) return;
    throw invalidValue(at, {
      property,
      value: name,
      allowed: 'named once',
      rule: 'A name belongs to a distribution once.',
      fix: 'Remove it.',
    });
  });
}

/** @throws IsochroneError if a name is known, and is no host's */
export function checkHostName(
  at: Placed,
  {
    property,
    name,
    withoutWildcard = name,
    rule,
  }: { property: string; name: string; withoutWildcard?: string; rule: string },
): void {
  if (Token.isUnresolved(name) || HOST_NAME.test(withoutWildcard)) return;
  throw invalidValue(at, {
    property,
    value: name,
    allowed: 'a DNS name in lower case, without scheme, port and path',
    rule,
    fix: 'Write it as `www.example.com`.',
  });
}

function checkZone(
  at: Placed,
  property: string,
  name: string,
  zone: route53.IHostedZone | undefined,
): void {
  if (zone === undefined || Token.isUnresolved(name) || Token.isUnresolved(zone.zoneName)) return;
  if (name === zone.zoneName || name.endsWith(`.${zone.zoneName}`)) return;
  throw invalidValue(at, {
    property,
    value: name,
    allowed: `a name in the hosted zone, ${zone.zoneName}`,
    rule: "Route 53 has records of a zone's own names only.",
    fix: 'Give the zone of that name, or leave `hostedZone` out and make the records yourself.',
  });
}

export function createRecords(
  scope: Construct,
  distribution: cloudfront.IDistribution,
  { domainNames, hostedZone }: EdgeDomainNamesProps,
): void {
  if (hostedZone === undefined) return;
  const target = route53.RecordTarget.fromAlias(new targets.CloudFrontTarget(distribution));
  domainNames.forEach((name, index) => {
    const id = Token.isUnresolved(name) ? `${index}` : name;
    // The dot at the end keeps CDK from adding the zone's name again.
    const record = { zone: hostedZone, recordName: `${name}.`, target };
    new route53.ARecord(scope, `${id}-A`, record);
    new route53.AaaaRecord(scope, `${id}-AAAA`, record);
  });
}
