/** Rules of a region's network and names that both a deployment file and a construct must keep. */
import { isWholeNumber, type Rule, unlike } from './rule';

/** The availability zones of a network. */
export const NETWORK_ZONE = unlike(
  'Two sets of subnets in one zone fail together.',
  'Name another zone, or remove this one.',
);

/** The interface endpoints of a network. */
export const NETWORK_ENDPOINT = unlike(
  'A VPC accepts one interface endpoint with private DNS per service.',
  'Remove it.',
);

/** The NAT gateways of a network. */
export const NAT_GATEWAY_COUNT: Rule<number, { readonly min: number; readonly zones: number }> = {
  allows: (count, { min, zones }) => isWholeNumber(count, { min, max: zones }),
  allowed: (_, { min, zones }) => `${min} to ${zones}, the number of zones`,
  rule: 'A NAT gateway serves its own zone: a second one there would stand idle and still cost.',
  fix: 'Remove it for one per zone, or name more zones.',
};

/** A block of IPv4 addresses, as numbers, both included. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

/** The addresses of a block in CIDR notation, which may name any address in it. */
export function addressRange(cidr: string): AddressRange {
  const [address = '', bits = '32'] = cidr.split('/');
  const number = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1 };
}

/** The same block, named by its first address. */
function canonicalBlock(cidr: string): string {
  const { first } = addressRange(cidr);
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256);
  return `${octets.join('.')}/${cidr.split('/')[1]}`;
}

/** A well-formed block is named by its first address: AWS refuses or silently corrects others. */
export const BLOCK_START: Rule<string> = {
  allows: (cidr) => cidr === canonicalBlock(cidr),
  allowed: 'the first address of its block and the prefix length',
  rule: (cidr) => `${cidr} names an address inside the block ${canonicalBlock(cidr)}.`,
  fix: (cidr) => `Write ${canonicalBlock(cidr)}.`,
};

/** A DNS name that a record of a hosted zone answers. */
export const NAME_IN_ZONE: Rule<string, { readonly zoneName: string }> = {
  allows: (name, { zoneName }) => name === zoneName || name.endsWith(`.${zoneName}`),
  allowed: (_, { zoneName }) => `${zoneName} or a name below it, without a dot at the end`,
  rule: 'Route 53 keeps a record only in the hosted zone of its name.',
  fix: (_, { zoneName }) => `End it with ".${zoneName}", or give the zone that holds it.`,
};
