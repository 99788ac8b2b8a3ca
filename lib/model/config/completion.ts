/**
 * Completes a deployment with mistakes, so that the checks over several fields can still check the
 * valid fields: a user gets all mistakes at once, not another kind after each correction.
 */
import { zonesOf } from '../aws';
import { type Deployment, deploymentSchema } from './deployment';

type Path = readonly (string | number)[];

/** A completed deployment. */
export interface Completion {
  readonly deployment: Deployment;
  /** Places with invented values: problems there are not reported. */
  readonly untrusted: readonly Path[];
}

/**
 * Replaces the wrong values of the data with their defaults, or with neutral stand-ins for sections
 * without a default.
 *
 * @param wrong the places of the wrong values
 * @returns undefined if the data is too far from a deployment to be completed
 */
export function complete(data: unknown, wrong: readonly Path[]): Completion | undefined {
  if (data === null || typeof data !== 'object' || Array.isArray(data)) return undefined;
  const rest = without(data as Record<string, unknown>, wrong);
  const untrusted = [...wrong];
  for (const { path } of deploymentSchema.safeParse(rest).error?.issues ?? []) {
    const [section, region] = path.map(String);
    if (section === 'regions' && region !== undefined) {
      const regions = rest.regions as Record<string, Record<string, unknown>>;
      regions[region] = {
        cidr: `0.${Object.keys(regions).indexOf(region)}.0.0/16`,
        availabilityZones: zonesOf(region).slice(0, 3),
        ...regions[region],
      };
      untrusted.push(['regions', region, 'cidr'], ['regions', region, 'availabilityZones']);
    } else if (section !== undefined) {
      rest[section] = standIn(section, rest);
      untrusted.push([section]);
    }
  }
  const parsed = deploymentSchema.safeParse(rest);
  return parsed.success ? { deployment: parsed.data, untrusted } : undefined;
}

/** A neutral value of a section without a default. */
function standIn(section: string, rest: Record<string, unknown>): unknown {
  const firstRegion = Object.keys((rest.regions as object | undefined) ?? {})[0];
  return {
    name: 'stand-in',
    environment: 'stand-in',
    primaryRegion: firstRegion,
    domain: { hostedZoneId: 'Z0000', hostedZoneName: 'stand.in', siteName: 'stand.in' },
    edge: { tiers: { any: {} }, behaviors: [{ path: 'any', tier: 'any' }], defaultTier: 'any' },
  }[section];
}

function without(data: Record<string, unknown>, paths: readonly Path[]): Record<string, unknown> {
  const copy = structuredClone(data);
  // Backwards, so that removing an entry of a list does not move the next one.
  for (const path of [...paths].reverse()) {
    const last = path.at(-1);
    const parent = path
      .slice(0, -1)
      .reduce<unknown>(
        (value, part) => (value as Record<string | number, unknown> | undefined)?.[part],
        copy,
      );
    if (last === undefined || parent === null || typeof parent !== 'object') continue;
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete (parent as Record<string | number, unknown>)[last];
  }
  return copy;
}
