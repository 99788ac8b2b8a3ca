/** Which security groups let in or out what they did not before. */
import type { AssemblyStack } from '../../assembly';
import { isObject, resourcePath, type StackChange, shown, text } from '../changes';
import type { Finding } from './finding';

export function networkFindings(changes: readonly StackChange[]): Finding[] {
  return changes.flatMap(({ path: stack, pair }) => {
    const [before, after] = [rulesOf(pair.before), rulesOf(pair.after)];
    const missing = (from: readonly Rule[], rules: readonly Rule[]) =>
      rules.filter((rule) => !from.some((other) => covers(other, rule)));
    const finding = (rule: Rule, severity: Finding['severity'], verb: string): Finding => ({
      topic: 'network',
      severity,
      stack,
      path: rule.path,
      message: `${verb} ${rule.direction === 'ingress' ? 'from' : 'to'} ${peerName(rule)} on ${ports(rule)}`,
    });
    const opened = missing(before, after).map((rule) =>
      finding(rule, isWide(rule.peer) ? 'high' : 'medium', 'opened'),
    );
    const closed = pair.after
      ? missing(after, before).map((rule) => finding(rule, 'low', 'closed'))
      : [];
    return [...opened, ...closed];
  });
}

interface Rule {
  readonly group: string;
  readonly path: string;
  readonly direction: 'ingress' | 'egress';
  /** `-1` for all. */
  readonly protocol: string;
  /** −1 for all; a text where it is known only after the deployment. */
  readonly from: number | string;
  readonly to: number | string;
  readonly peer: string;
}

const EVERYWHERE = ['0.0.0.0/0', '::/0'];

/** CDK closes a group by a rule to an address that nobody has. */
const NOWHERE = '255.255.255.255/32';

const PEERS = [
  'CidrIp',
  'CidrIpv6',
  'SourceSecurityGroupId',
  'SourceSecurityGroupName',
  'SourcePrefixListId',
  'DestinationSecurityGroupId',
  'DestinationPrefixListId',
];

function rulesOf(stack: AssemblyStack | undefined): Rule[] {
  if (stack === undefined) return [];
  const resources = Object.entries(stack.template.Resources);
  const explicit = resources.flatMap(([id, { Type, Properties = {} }]) => {
    const path = resourcePath(stack, id);
    const inline = (name: string, direction: Rule['direction']) => {
      const rules = Properties[name];
      return branches(rules).map((rule) => toRule(`\${${id}}`, path, direction, rule));
    };
    if (Type === 'AWS::EC2::SecurityGroup')
      return [
        ...inline('SecurityGroupIngress', 'ingress'),
        ...inline('SecurityGroupEgress', 'egress'),
      ];
    const direction = {
      'AWS::EC2::SecurityGroupIngress': 'ingress',
      'AWS::EC2::SecurityGroupEgress': 'egress',
    } as const;
    const alone = direction[Type as keyof typeof direction];
    return alone === undefined
      ? []
      : [toRule(groupName(Properties.GroupId), path, alone, Properties)];
  });
  // Without an egress rule, a group lets out everything ("AWS::EC2::SecurityGroup", AWS
  // CloudFormation template reference).
  const byDefault = resources
    .filter(
      ([id, { Type }]) =>
        Type === 'AWS::EC2::SecurityGroup' &&
        !explicit.some((rule) => rule.direction === 'egress' && rule.group === `\${${id}}`),
    )
    .map(([id]) =>
      toRule(`\${${id}}`, resourcePath(stack, id), 'egress', {
        IpProtocol: '-1',
        CidrIp: '0.0.0.0/0',
      }),
    );
  return [...explicit, ...byDefault].filter(({ peer }) => peer !== NOWHERE);
}

/** The rules of a list, of both branches of an `Fn::If`. */
function branches(value: unknown): Readonly<Record<string, unknown>>[] {
  if (Array.isArray(value)) return value.flatMap(branches);
  if (!isObject(value)) return [];
  const condition = value['Fn::If'];
  if (Array.isArray(condition)) return branches(condition.slice(1));
  return 'Ref' in value ? [] : [value];
}

/** A group is named by `Ref` or by its attribute `GroupId`: both are its id. */
function groupName(value: unknown): string {
  return text(value).replace(/\.GroupId\}$/, '}');
}

function toRule(
  group: string,
  path: string,
  direction: Rule['direction'],
  rule: Readonly<Record<string, unknown>>,
): Rule {
  const peer = PEERS.find((name) => rule[name] !== undefined);
  const from = port(rule.FromPort ?? -1);
  return {
    group,
    path,
    direction,
    protocol: PROTOCOLS[text(rule.IpProtocol)] ?? text(rule.IpProtocol),
    from,
    to: port(rule.ToPort ?? from),
    peer: peer === undefined ? '?' : groupName(rule[peer]),
  };
}

/** "Assigned Internet Protocol Numbers", IANA: EC2 takes the names and the numbers. */
const PROTOCOLS: Readonly<Record<string, string>> = {
  '1': 'icmp',
  '6': 'tcp',
  '17': 'udp',
  '58': 'icmpv6',
};

function port(value: unknown): number | string {
  const shownAs = text(value);
  return shownAs === '' || Number.isNaN(Number(shownAs)) ? shownAs : Number(shownAs);
}

/** What is not known before the deployment holds only itself. */
function holdsPorts(old: Rule, { from, to }: Rule): boolean {
  if (old.from === from && old.to === to) return true;
  if ([old.from, old.to, from, to].some((each) => typeof each === 'string')) return false;
  return from !== -1 && old.from <= from && to <= old.to;
}

function covers(old: Rule, rule: Rule): boolean {
  const sameGroup = old.group === rule.group && old.direction === rule.direction;
  const peer = old.peer === rule.peer || containsCidr(old.peer, rule.peer);
  const protocol = old.protocol === '-1' || old.protocol === rule.protocol;
  const allPorts = old.protocol === '-1' || old.from === -1;
  return sameGroup && peer && protocol && (allPorts || holdsPorts(old, rule));
}

/**
 * Whether the first block of addresses holds the second. Of IPv6, only the whole of it is compared.
 */
function containsCidr(outer: string, inner: string): boolean {
  if (outer === '::/0') return inner.includes(':') && /\/\d+$/.test(inner);
  const [a, b] = [ipv4Block(outer), ipv4Block(inner)];
  return a !== undefined && b !== undefined && a.first <= b.first && b.last <= a.last;
}

/**
 * No private network is wider than a block of eight bits, so that what is wider, such as a half of
 * the internet, is public.
 */
function isWide(peer: string): boolean {
  const bits = Number(/\/(\d+)$/.exec(peer)?.[1] ?? Number.NaN);
  return peer.includes(':') ? bits === 0 : bits < 8;
}

function ipv4Block(cidr: string): { first: number; last: number } | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (match === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = match.slice(1).map(Number);
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1 };
}

function peerName({ peer }: Rule): string {
  return EVERYWHERE.includes(peer) ? `everywhere (${peer})` : shown(peer);
}

function ports({ protocol, from, to }: Rule): string {
  if (protocol === '-1') return 'all ports of all protocols';
  if (from === -1) return `all ports of ${protocol}`;
  return `${protocol} ${from === to ? from : `${from} to ${to}`}`;
}
