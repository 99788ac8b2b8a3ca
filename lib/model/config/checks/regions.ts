/** Checks over the regions: the primary, zones, networks, names and fleets. */
import { REGIONS, zonesOf } from '../../aws';
import { fleetRules, type Rule, regionRules } from '../../rules';
import type { Deployment } from '../deployment';
import { physicalNames } from '../names';
import { type DeploymentProblem, nearest, ruleProblems } from '../problem';

const CHECKS = [
  primaryProblems,
  zoneProblems,
  networkProblems,
  overlapProblems,
  nameProblems,
  originNameProblems,
  objectiveProblems,
  fleetProblems,
];

export function regionProblems(deployment: Deployment): DeploymentProblem[] {
  return CHECKS.flatMap((check) => check(deployment));
}

/** The regions with their settings, in the order of the file. */
export function regionsOf(
  deployment: Deployment,
): [string, NonNullable<Deployment['regions'][string]>][] {
  return Object.entries(deployment.regions).flatMap(([name, region]) =>
    region ? [[name, region]] : [],
  );
}

/** A region that the file must describe. */
export const fileRegion: Rule<string, { readonly regions: readonly string[] }> = {
  allows: (region, { regions }) => regions.includes(region),
  allowed: (_, { regions }) =>
    `one of the regions of this file: ${regions.join(', ') || 'none yet'}`,
  rule: 'This deployment creates resources in its own regions only.',
  fix: (region) => `Add \`${region}\` under \`regions\`, or name another region.`,
};

function primaryProblems({ primaryRegion, regions }: Deployment): DeploymentProblem[] {
  return ruleProblems(['primaryRegion'], fileRegion, primaryRegion, {
    regions: Object.keys(regions),
  });
}

/** A zone beside the zones that the table of regions has. */
const knownZone: Rule<string, { readonly region: string }> = {
  allows: (zone, { region }) => zonesOf(region).includes(zone),
  allowed: (_, { region }) => `a zone of ${region}: ${zonesOf(region).join(', ')}`,
  rule: (_, { region }) =>
    `AWS has ${REGIONS[region]?.zoneLetters.length ?? 0} availability zones in ${region}.`,
  fix: (zone, { region }) => {
    const meant = nearest(zone, zonesOf(region));
    return meant ? `Did you mean "${meant}"?` : 'Name a zone of this region.';
  },
};

function zoneProblems(deployment: Deployment): DeploymentProblem[] {
  return regionsOf(deployment).flatMap(([region, { availabilityZones }]) =>
    availabilityZones.flatMap((zone, i): DeploymentProblem[] => {
      const path = ['regions', region, 'availabilityZones', i];
      const unknown = ruleProblems(path, knownZone, zone, { region });
      if (unknown.length > 0) return unknown;
      return ruleProblems(path, regionRules.NETWORK_ZONE, zone, {
        earlier: availabilityZones.slice(0, i),
      });
    }),
  );
}

/**
 * RFC 1918 and RFC 6598: the blocks that a VPC may use without hiding public addresses or failing
 * at AWS.
 */
const PRIVATE_BLOCKS = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];

const privateBlock: Rule<string> = {
  allows: (cidr) => {
    const { first, last } = regionRules.addressRange(cidr);
    return PRIVATE_BLOCKS.map(regionRules.addressRange).some(
      (block) => block.first <= first && last <= block.last,
    );
  },
  allowed: `within ${PRIVATE_BLOCKS.join(', ')}`,
  rule:
    'Other addresses belong to hosts on the internet, which this network could then not reach. ' +
    'AWS refuses some of them.',
  fix: 'Use a block such as 10.20.0.0/16.',
};

function networkProblems(deployment: Deployment): DeploymentProblem[] {
  const { interfaceEndpoints } = deployment.network;
  return [
    ...regionsOf(deployment).flatMap(([name, { cidr, natGateways, availabilityZones }]) => [
      ...ruleProblems(
        ['regions', name, 'natGateways'],
        regionRules.NAT_GATEWAY_COUNT,
        natGateways,
        {
          min: 1,
          zones: availabilityZones.length,
        },
      ),
      ...ruleProblems(['regions', name, 'cidr'], regionRules.BLOCK_START, cidr),
      ...ruleProblems(['regions', name, 'cidr'], privateBlock, cidr),
    ]),
    ...interfaceEndpoints.flatMap((endpoint, i) =>
      ruleProblems(['network', 'interfaceEndpoints', i], regionRules.NETWORK_ENDPOINT, endpoint, {
        earlier: interfaceEndpoints.slice(0, i),
      }),
    ),
  ];
}

function overlapProblems(deployment: Deployment): DeploymentProblem[] {
  const ranges = regionsOf(deployment).map(([name, { cidr }]) => ({
    name,
    cidr,
    ...regionRules.addressRange(cidr),
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
        rule: 'VPCs with overlapping ranges can never be peered or joined by a transit gateway.',
        fix: 'Give each region a range of its own, such as 10.10.0.0/16 and 10.20.0.0/16.',
      },
    ];
  });
}

function nameProblems({ domain }: Deployment): DeploymentProblem[] {
  const { siteName, originName, hostedZoneName } = domain;
  return Object.entries({ siteName, originName }).flatMap(([key, name]) =>
    ruleProblems(['domain', key], regionRules.NAME_IN_ZONE, name, { zoneName: hostedZoneName }),
  );
}

/**
 * "RequestCertificate", AWS Certificate Manager API reference: the first name of a certificate has
 * at most 64 characters.
 */
const CERTIFICATE_NAME_LENGTH = 64;

/** The names of the origins are derived: they must fit a certificate and differ from the site's. */
function originNameProblems(deployment: Deployment): DeploymentProblem[] {
  const { siteName, originName } = deployment.domain;
  const { readOrigin, writeOrigin } = physicalNames(deployment);
  const path = ['domain', originName === undefined ? 'siteName' : 'originName'];
  const problems: DeploymentProblem[] = [];
  if (Math.max(writeOrigin.length, siteName.length) > CERTIFICATE_NAME_LENGTH) {
    problems.push({
      path,
      value: originName ?? siteName,
      allowed:
        `short enough that ${writeOrigin} has at most ${CERTIFICATE_NAME_LENGTH} characters, ` +
        `not ${writeOrigin.length}`,
      rule: 'AWS Certificate Manager allows no longer first name of a certificate.',
      fix: 'Shorten `originName` or the site name.',
    });
  }
  if (siteName === readOrigin || siteName === writeOrigin) {
    problems.push({
      path: ['domain', 'siteName'],
      value: siteName,
      allowed: 'another name than those of the origins',
      rule:
        'One name has either the records of CloudFront or those of the load balancers. ' +
        'With both, CloudFront would be its own origin.',
      fix: 'Set another `originName`.',
    });
  }
  return problems;
}

function objectiveProblems({ objectives, service }: Deployment): DeploymentProblem[] {
  return ruleProblems(
    ['objectives', 'cpuPercent'],
    fleetRules.CPU_OBJECTIVE,
    objectives.cpuPercent,
    {
      targetPercent: service.targetCpuPercent,
      target: 'service.targetCpuPercent',
    },
  );
}

function fleetProblems(deployment: Deployment): DeploymentProblem[] {
  const { service } = deployment;
  const fleets = [
    { path: ['service'], own: service },
    ...regionsOf(deployment).map(([name, own]) => ({ path: ['regions', name], own })),
  ];
  // Each place answers for the bound that it sets itself.
  return fleets.flatMap(({ path, own: { minInstances, maxInstances } }) => {
    if (maxInstances === undefined) {
      return ruleProblems([...path, 'minInstances'], fleetRules.MINIMUM_INSTANCES, minInstances, {
        max: service.maxInstances,
      });
    }
    return ruleProblems([...path, 'maxInstances'], fleetRules.MAXIMUM_INSTANCES, maxInstances, {
      min: minInstances ?? service.minInstances,
    });
  });
}
