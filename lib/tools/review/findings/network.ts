/** The traffic that security groups newly allow or no longer allow. */
import { type AssemblyStack, isObject } from '../../assembly';
import { resourcePath, type StackChange } from '../changes';
import { shown, text } from '../template-values';
import type { Finding } from './finding';

export function networkFindings(changes: readonly StackChange[]): Finding[] {
  return changes.flatMap(({ path: stack, pair }) => {
    const [before, after] = [rulesOf(pair.before), rulesOf(pair.after)];
    const uncovered = (from: readonly Rule[], rules: readonly Rule[]) =>
      rules.filter((rule) => !from.some((other) => covers(other, rule)));
    const finding = (rule: Rule, severity: Finding['severity'], verb: string): Finding => ({
      topic: 'network',
      severity,
      stack,
      path: rule.path,
      message: [verb, DIRECTION[rule.direction], peerName(rule), 'on', ports(rule)].join(' '),
    });
    const opened = uncovered(before, after).map((rule) =>
      finding(rule, isPublic(rule.peer) ? 'high' : 'medium', 'opened'),
    );
    const closed = pair.after
      ? uncovered(after, before).map((rule) => finding(rule, 'low', 'closed'))
      : [];
    return [...opened, ...closed];
  });
}

/** A rule of a security group. */
interface Rule {
  readonly group: string;
  readonly path: string;
  readonly direction: 'ingress' | 'egress';
  /** `-1` for all protocols. */
  readonly protocol: string;
  /** −1 for all ports; a text if the port is known only after the deployment. */
  readonly from: number | string;
  readonly to: number | string;
  readonly peer: string;
}

const DIRECTION = { ingress: 'from', egress: 'to' } as const;

const EVERYWHERE = ['0.0.0.0/0', '::/0'];

/** CDK blocks the egress of a group by a rule to an address that no host has. */
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
    const standalone = direction[Type as keyof typeof direction];
    return standalone === undefined
      ? []
      : [toRule(groupName(Properties.GroupId), path, standalone, Properties)];
  });
  // A group without an egress rule allows all outbound traffic ("AWS::EC2::SecurityGroup", AWS
  // CloudFormation template reference).
  const defaultEgress = resources
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
  return [...explicit, ...defaultEgress].filter(({ peer }) => peer !== NOWHERE);
}

/** The rules of a list, with both branches of an `Fn::If`. */
function branches(value: unknown): Readonly<Record<string, unknown>>[] {
  if (Array.isArray(value)) return value.flatMap(branches);
  if (!isObject(value)) return [];
  const condition = value['Fn::If'];
  if (Array.isArray(condition)) return branches(condition.slice(1));
  return 'Ref' in value ? [] : [value];
}

/** The id of a group. `Ref` and the attribute `GroupId` both return it. */
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
    protocol: PROTOCOLS.get(text(rule.IpProtocol)) ?? text(rule.IpProtocol),
    from,
    to: port(rule.ToPort ?? from),
    peer: peer === undefined ? '?' : groupName(rule[peer]),
  };
}

/** EC2 accepts the names and the numbers: "Assigned Internet Protocol Numbers", IANA. */
const PROTOCOLS: ReadonlyMap<string, string> = new Map([
  ['1', 'icmp'],
  ['6', 'tcp'],
  ['17', 'udp'],
  ['58', 'icmpv6'],
]);

function port(value: unknown): number | string {
  const portText = text(value);
  return portText === '' || Number.isNaN(Number(portText)) ? portText : Number(portText);
}

/**
 * Whether the ports of the old rule include those of the new one. A port that is known only after
 * the deployment includes nothing but itself.
 */
function includesPorts(old: Rule, { from, to }: Rule): boolean {
  if (old.from === from && old.to === to) return true;
  if ([old.from, old.to, from, to].some((each) => typeof each === 'string')) return false;
  return from !== -1 && old.from <= from && to <= old.to;
}

function covers(old: Rule, rule: Rule): boolean {
  const sameGroup = old.group === rule.group && old.direction === rule.direction;
  const peer = old.peer === rule.peer || includesBlock(old.peer, rule.peer);
  const protocol = old.protocol === '-1' || old.protocol === rule.protocol;
  const allPorts = old.protocol === '-1' || old.from === -1;
  return sameGroup && peer && protocol && (allPorts || includesPorts(old, rule));
}

/** Whether the first CIDR block includes the second. For IPv6, only `::/0` includes others. */
function includesBlock(outer: string, inner: string): boolean {
  if (outer === '::/0') return inner.includes(':') && /\/\d+$/.test(inner);
  const [a, b] = [ipv4Block(outer), ipv4Block(inner)];
  return a !== undefined && b !== undefined && a.first <= b.first && b.last <= a.last;
}

/** Whether a block is public: no private network is wider than /8. */
function isPublic(peer: string): boolean {
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
