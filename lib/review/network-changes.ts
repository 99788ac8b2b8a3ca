/** Which security groups let in or out what they did not before. */
import type { AssemblyStack } from '../assembly';
import { resourcePath, type StackChange } from './changes';
import type { Finding } from './finding';
import { isObject, shown, text } from './readable';

export function networkFindings(changes: readonly StackChange[]): Finding[] {
  return changes.flatMap(({ path: stack, pair }) => {
    const [before, after] = [rulesOf(pair.before), rulesOf(pair.after)];
    const missing = (from: readonly Rule[], rules: readonly Rule[]) => rules.filter((rule) => !from.some((other) => covers(other, rule)));
    const finding = (rule: Rule, severity: Finding['severity'], verb: string): Finding => ({
      topic: 'network',
      severity,
      stack,
      path: rule.path,
      message: `${verb} ${rule.direction === 'ingress' ? 'from' : 'to'} ${peerName(rule)} on ${ports(rule)}`,
    });
    const opened = missing(before, after).map((rule) => finding(rule, EVERYWHERE.includes(rule.peer) ? 'high' : 'medium', 'opened'));
    const closed = pair.after ? missing(after, before).map((rule) => finding(rule, 'low', 'closed')) : [];
    return [...opened, ...closed];
  });
}

interface Rule {
  readonly group: string;
  readonly path: string;
  readonly direction: 'ingress' | 'egress';
  /** `-1` for all. */
  readonly protocol: string;
  /** −1 for all. */
  readonly from: number;
  readonly to: number;
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
      return (Array.isArray(rules) ? rules : []).filter(isObject).map((rule) => toRule(`\${${id}}`, path, direction, rule));
    };
    if (Type === 'AWS::EC2::SecurityGroup')
      return [...inline('SecurityGroupIngress', 'ingress'), ...inline('SecurityGroupEgress', 'egress')];
    const direction = { 'AWS::EC2::SecurityGroupIngress': 'ingress', 'AWS::EC2::SecurityGroupEgress': 'egress' } as const;
    const alone = direction[Type as keyof typeof direction];
    return alone === undefined ? [] : [toRule(groupName(Properties.GroupId), path, alone, Properties)];
  });
  // Without an egress rule, a group lets out everything ("AWS::EC2::SecurityGroup", AWS CloudFormation template reference).
  const byDefault = resources
    .filter(
      ([id, { Type }]) =>
        Type === 'AWS::EC2::SecurityGroup' && !explicit.some((rule) => rule.direction === 'egress' && rule.group === `\${${id}}`),
    )
    .map(([id]) => toRule(`\${${id}}`, resourcePath(stack, id), 'egress', { IpProtocol: '-1', CidrIp: '0.0.0.0/0' }));
  return [...explicit, ...byDefault].filter(({ peer }) => peer !== NOWHERE);
}

/** A group is named by `Ref` or by its attribute `GroupId`: both are its id. */
function groupName(value: unknown): string {
  return text(value).replace(/\.GroupId\}$/, '}');
}

function toRule(group: string, path: string, direction: Rule['direction'], rule: Readonly<Record<string, unknown>>): Rule {
  const peer = PEERS.find((name) => rule[name] !== undefined);
  const from = Number(rule.FromPort ?? -1);
  return {
    group,
    path,
    direction,
    protocol: text(rule.IpProtocol),
    from,
    to: Number(rule.ToPort ?? from),
    peer: peer === undefined ? '?' : groupName(rule[peer]),
  };
}

function covers(old: Rule, rule: Rule): boolean {
  const sameGroup = old.group === rule.group && old.direction === rule.direction;
  const peer = old.peer === rule.peer || containsCidr(old.peer, rule.peer);
  const protocol = old.protocol === '-1' || old.protocol === rule.protocol;
  const allPorts = old.protocol === '-1' || old.from === -1;
  return sameGroup && peer && protocol && (allPorts || (rule.from !== -1 && old.from <= rule.from && rule.to <= old.to));
}

/** Whether the first block of addresses holds the second. Of IPv6, only the whole of it is compared. */
function containsCidr(outer: string, inner: string): boolean {
  if (outer === '::/0') return inner.includes(':') && /\/\d+$/.test(inner);
  const [a, b] = [ipv4Block(outer), ipv4Block(inner)];
  return a !== undefined && b !== undefined && a.first <= b.first && b.last <= a.last;
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
