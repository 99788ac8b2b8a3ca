import { Token } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as route53 from 'aws-cdk-lib/aws-route53';
import * as targets from 'aws-cdk-lib/aws-route53-targets';
import type { Construct } from 'constructs';
import { type HasPath, invalidValue } from '../../../model/errors';
import { brokenRule, cloudfrontRules, type Rule } from '../../../model/rules';
import { checkRule } from '../../house-rules';

/** The names of an EdgeDistribution. */
export interface EdgeDomainNamesProps {
  /** The names that viewers use, in lower case. The certificate must cover them. */
  readonly domainNames: readonly string[];
  /**
   * The zone in which to create A and AAAA records for the domain names.
   *
   * @default - no records are created
   */
  readonly hostedZone?: route53.IHostedZone;
}

const AT_LEAST_ONE_NAME: Rule<readonly string[]> = {
  allows: (names) => names.length > 0,
  allowed: 'at least one name',
  rule: 'CloudFront refuses old TLS only under a name of your own.',
  fix: 'Give a name that the certificate covers.',
};

const HOST_NAME =
  /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws IsochroneError if there is no name, or CloudFront or the zone would refuse one */
export function checkDomainNames(
  at: HasPath,
  { domainNames, hostedZone }: EdgeDomainNamesProps,
): void {
  checkRule(at, 'domainNames', AT_LEAST_ONE_NAME, domainNames);
  domainNames.forEach((name, i) => {
    const property = `domainNames[${i}]`;
    checkHostName(at, {
      property,
      name,
      withoutWildcard: name.replace(/^\*\./, ''),
      rule: 'CloudFront compares it with the Host header.',
    });
    checkZone(at, property, name, hostedZone);
    // The same token twice is the same name twice.
    const repeated = brokenRule(cloudfrontRules.NAMED_ONCE, name, domainNames.slice(0, i));
    if (repeated) throw invalidValue(at, { property, value: name, ...repeated });
  });
}

/** @throws IsochroneError if a name is known at synthesis and is not a host name */
export function checkHostName(
  at: HasPath,
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
  at: HasPath,
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
    rule: "A Route 53 zone holds records of the zone's own names only.",
    fix: 'Give the zone of that name, or leave `hostedZone` out and create the records yourself.',
  });
}

/** Creates an A and an AAAA record for each name, if there is a zone. */
export function createRecords(
  scope: Construct,
  distribution: cloudfront.IDistribution,
  { domainNames, hostedZone }: EdgeDomainNamesProps,
): void {
  if (hostedZone === undefined) return;
  const target = route53.RecordTarget.fromAlias(new targets.CloudFrontTarget(distribution));
  domainNames.forEach((name, index) => {
    const id = Token.isUnresolved(name) ? `${index}` : name;
    // The trailing dot keeps CDK from appending the zone's name again.
    const record = { zone: hostedZone, recordName: `${name}.`, target };
    new route53.ARecord(scope, `${id}-A`, record);
    new route53.AaaaRecord(scope, `${id}-AAAA`, record);
  });
}
