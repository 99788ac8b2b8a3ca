/**
 * Checks over the regions: the primary among them, zones that exist, networks that do not overlap,
 * names within the zone.
 */
import { REGIONS, zonesOf } from '../../aws';
import type { Deployment } from '../deployment';
import { physicalNames } from '../names';
import { type DeploymentProblem, nearest } from '../problem';

export function regionProblems(deployment: Deployment): DeploymentProblem[] {
  return [
    ...primaryProblems(deployment),
    ...zoneProblems(deployment),
    ...natProblems(deployment),
    ...blockProblems(deployment),
    ...privateProblems(deployment),
    ...overlapProblems(deployment),
    ...nameProblems(deployment),
    ...originNameProblems(deployment),
    ...objectiveProblems(deployment),
    ...endpointProblems(deployment),
    ...fleetProblems(deployment),
  ];
}

/** The regions with their settings, in the order of the file. */
export function regionsOf(
  deployment: Deployment,
): [string, NonNullable<Deployment['regions'][string]>][] {
  return Object.entries(deployment.regions).flatMap(([name, region]) =>
    region ? [[name, region]] : [],
  );
}

function primaryProblems({ primaryRegion, regions }: Deployment): DeploymentProblem[] {
  if (regions[primaryRegion]) return [];
  return [
    {
      path: ['primaryRegion'],
      value: primaryRegion,
      allowed: `one of the regions of this file: ${Object.keys(regions).join(', ') || 'none yet'}`,
      rule: 'The primary database lives in a region that this deployment creates.',
      fix: `Add \`${primaryRegion}\` under \`regions\`, or name another primary.`,
    },
  ];
}

function zoneProblems(deployment: Deployment): DeploymentProblem[] {
  return regionsOf(deployment).flatMap(([name, { availabilityZones }]) =>
    availabilityZones.flatMap((zone, i): DeploymentProblem[] => {
      const path = ['regions', name, 'availabilityZones', i];
      const known = zonesOf(name);
      if (!known.includes(zone)) {
        const meant = nearest(zone, known);
        return [
          {
            path,
            value: zone,
            allowed: `a zone of ${name}: ${known.join(', ')}`,
            rule: `AWS has ${REGIONS[name]?.zoneLetters.length ?? 0} availability zones in ${name}.`,
            fix: meant ? `Did you mean "${meant}"?` : 'Name a zone of this region.',
          },
        ];
      }
      if (availabilityZones.indexOf(zone) !== i) {
        return [
          {
            path,
            value: zone,
            allowed: 'named once',
            rule: 'Two subnets in one zone fail together.',
            fix: 'Name another zone, or remove this one.',
          },
        ];
      }
      return [];
    }),
  );
}

function natProblems(deployment: Deployment): DeploymentProblem[] {
  return regionsOf(deployment)
    .filter(
      ([, { natGateways, availabilityZones }]) =>
        natGateways !== undefined && natGateways > availabilityZones.length,
    )
    .map(([name, { natGateways, availabilityZones }]) => ({
      path: ['regions', name, 'natGateways'],
      value: natGateways,
      allowed: `1 to ${availabilityZones.length}, the number of zones`,
      rule: 'A NAT gateway serves the zone it is in; a second one in the same zone would only cost.',
      fix: `Lower it to ${availabilityZones.length}, or name more zones.`,
    }));
}

/** An IPv4 range as its first and last address. */
function addressRange(cidr: string): { first: number; last: number } {
  const [address = '', bits = '32'] = cidr.split('/');
  const number = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1 };
}

/** A block is named by its first address; AWS refuses, or silently corrects, any other one. */
function blockProblems(deployment: Deployment): DeploymentProblem[] {
  return regionsOf(deployment).flatMap(([name, { cidr }]) => {
    const first = addressText(addressRange(cidr).first);
    const [address, bits] = cidr.split('/');
    if (address === first) return [];
    return [
      {
        path: ['regions', name, 'cidr'],
        value: cidr,
        allowed: `the first address of the block and its length`,
        rule: `${cidr} names an address inside of the block ${first}/${bits}.`,
        fix: `Write ${first}/${bits}.`,
      },
    ];
  });
}

/**
 * RFC 1918 and RFC 6598: what a VPC may use without hiding public addresses of others, or failing
 * at AWS.
 */
const PRIVATE_BLOCKS = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];

function privateProblems(deployment: Deployment): DeploymentProblem[] {
  return regionsOf(deployment)
    .filter(([, { cidr }]) => {
      const { first, last } = addressRange(cidr);
      return !PRIVATE_BLOCKS.map(addressRange).some(
        (block) => block.first <= first && last <= block.last,
      );
    })
    .map(([name, { cidr }]) => ({
      path: ['regions', name, 'cidr'],
      value: cidr,
      allowed: `within ${PRIVATE_BLOCKS.join(', ')}`,
      rule: 'Other addresses belong to others on the internet, and would be hidden from this network; some, AWS does not take at all.',
      fix: 'Use a block such as 10.20.0.0/16.',
    }));
}

function addressText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

function overlapProblems(deployment: Deployment): DeploymentProblem[] {
  const ranges = regionsOf(deployment).map(([name, { cidr }]) => ({
    name,
    cidr,
    ...addressRange(cidr),
  }));
  return ranges.flatMap((range, i) => {
    const other = ranges
      .slice(0, i)
      .find(({ first, last }) => first <= range.last && range.first <= last);
    if (!other) return [];
    return [
      {
        path: ['regions', range.name, 'cidr'],
        value: range.cidr,
        allowed: `apart from ${other.cidr} of ${other.name}`,
        rule: 'VPCs whose ranges overlap can never be peered or joined by a transit gateway.',
        fix: 'Give each region a range of its own, such as 10.10.0.0/16 and 10.20.0.0/16.',
      },
    ];
  });
}

/**
 * "RequestCertificate", AWS Certificate Manager API reference: the first name of a certificate has
 * at most 64 characters.
 */
const CERTIFICATE_NAME_LENGTH = 64;

/** The origins' names are made of others: their length, and that none of them is the site's. */
function originNameProblems(deployment: Deployment): DeploymentProblem[] {
  const { siteName, originName } = deployment.domain;
  const { readOrigin, writeOrigin } = physicalNames(deployment);
  const path = ['domain', originName === undefined ? 'siteName' : 'originName'];
  const problems: DeploymentProblem[] = [];
  if (Math.max(writeOrigin.length, siteName.length) > CERTIFICATE_NAME_LENGTH) {
    problems.push({
      path,
      value: originName ?? siteName,
      allowed: `so short that ${writeOrigin} has at most ${CERTIFICATE_NAME_LENGTH} characters, not ${writeOrigin.length}`,
      rule: 'The first name of a certificate may not be longer.',
      fix: 'Give a shorter `originName`, or a shorter site name.',
    });
  }
  if (siteName === readOrigin || siteName === writeOrigin) {
    problems.push({
      path: ['domain', 'siteName'],
      value: siteName,
      allowed: 'another name than those of the origins',
      rule: 'Under one name there are either the records of CloudFront or those of the load balancers, and CloudFront would ask itself.',
      fix: 'Give another `originName`.',
    });
  }
  return problems;
}

function nameProblems({ domain }: Deployment): DeploymentProblem[] {
  const names = { siteName: domain.siteName, originName: domain.originName };
  return Object.entries(names).flatMap(([key, name]) => {
    if (
      name === undefined ||
      name === domain.hostedZoneName ||
      name.endsWith(`.${domain.hostedZoneName}`)
    )
      return [];
    return [
      {
        path: ['domain', key],
        value: name,
        allowed: `${domain.hostedZoneName} or a name below it`,
        rule: 'Its records and the validation of its certificate are written into that hosted zone.',
        fix: `End it with ".${domain.hostedZoneName}", or name the zone that holds it.`,
      },
    ];
  });
}

function objectiveProblems({
  objectives: { cpuPercent },
  service: { targetCpuPercent },
}: Deployment): DeploymentProblem[] {
  if (cpuPercent > targetCpuPercent) return [];
  return [
    {
      path: ['objectives', 'cpuPercent'],
      value: cpuPercent,
      allowed: `above the ${targetCpuPercent} % that the fleet is kept at`,
      rule: 'Scaling holds the fleet at `service.targetCpuPercent`: an alarm at or below it would always ring.',
      fix: 'Raise it, or lower `service.targetCpuPercent`.',
    },
  ];
}

function endpointProblems({ network: { interfaceEndpoints } }: Deployment): DeploymentProblem[] {
  return interfaceEndpoints.flatMap((endpoint, i) =>
    interfaceEndpoints.indexOf(endpoint) === i
      ? []
      : [
          {
            path: ['network', 'interfaceEndpoints', i],
            value: endpoint,
            allowed: 'named once',
            rule: 'A VPC takes one endpoint with private DNS per service.',
            fix: 'Remove it.',
          },
        ],
  );
}

function fleetProblems(deployment: Deployment): DeploymentProblem[] {
  const { minInstances, maxInstances } = deployment.service;
  const fleets = [
    { path: ['service', 'maxInstances'], min: minInstances, max: maxInstances },
    ...regionsOf(deployment)
      .filter(
        ([, region]) => region.minInstances !== undefined || region.maxInstances !== undefined,
      )
      .map(([name, region]) => ({
        path: [
          'regions',
          name,
          region.maxInstances === undefined ? 'minInstances' : 'maxInstances',
        ],
        min: region.minInstances ?? minInstances,
        max: region.maxInstances ?? maxInstances,
      })),
  ];
  return fleets
    .filter(({ min, max }) => min > max)
    .map(({ path, min, max }) => ({
      path,
      value: path.at(-1) === 'minInstances' ? min : max,
      allowed:
        path.at(-1) === 'minInstances'
          ? `at most the largest number of instances, ${max}`
          : `at least the smallest number of instances, ${min}`,
      rule: 'A fleet cannot be larger at least than at most.',
      fix: 'Raise `maxInstances`, or lower `minInstances`.',
    }));
}
