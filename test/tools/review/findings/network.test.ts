import { messagesOf, type Resources, resource, reviewOf } from '../fixture';

const CLOSED = { CidrIp: '255.255.255.255/32', IpProtocol: 'icmp', FromPort: 252, ToPort: 86 };

const tcp = (CidrIp: string, FromPort: number, ToPort = FromPort) => ({
  IpProtocol: 'tcp',
  CidrIp,
  FromPort,
  ToPort,
});
const ingress = (...rules: readonly object[]): Resources => ({
  G: resource('AWS::EC2::SecurityGroup', {
    SecurityGroupIngress: rules,
    SecurityGroupEgress: [CLOSED],
  }),
});
const egress = (...rules: readonly object[]): Resources => ({
  G: resource('AWS::EC2::SecurityGroup', { SecurityGroupEgress: rules }),
});
const alone = (rule: object): Resources => ({
  ...ingress(),
  R: resource('AWS::EC2::SecurityGroupIngress', {
    GroupId: { 'Fn::GetAtt': ['G', 'GroupId'] },
    ...rule,
  }),
});

test.each<[string, Resources, Resources, string]>([
  [
    'to everyone',
    ingress(),
    ingress(tcp('0.0.0.0/0', 22)),
    'high G: opened from everywhere (0.0.0.0/0) on tcp 22',
  ],
  [
    'to everyone by IPv6',
    ingress(),
    ingress({ IpProtocol: '-1', CidrIpv6: '::/0' }),
    'high G: opened from everywhere (::/0) on all ports of all protocols',
  ],
  [
    'to a larger network',
    ingress(tcp('10.1.0.0/16', 5432)),
    ingress(tcp('10.0.0.0/8', 5432)),
    'medium G: opened from 10.0.0.0/8 on tcp 5432',
  ],
  [
    'on more ports',
    ingress(tcp('10.0.0.0/8', 80)),
    ingress(tcp('10.0.0.0/8', 80, 90)),
    'medium G: opened from 10.0.0.0/8 on tcp 80 to 90',
  ],
  [
    'to another group by a standalone rule',
    ingress(),
    alone({ IpProtocol: 'tcp', FromPort: 1, ToPort: 2, SourceSecurityGroupId: { Ref: 'H' } }),
    'medium R: opened from <H> on tcp 1 to 2',
  ],
  [
    'outbound',
    egress(CLOSED),
    egress(tcp('0.0.0.0/0', 443)),
    'high G: opened to everywhere (0.0.0.0/0) on tcp 443',
  ],
  // Without an egress rule, all outbound traffic is allowed: "AWS::EC2::SecurityGroup", AWS
  // CloudFormation template reference.
  [
    'outbound by the absence of rules',
    egress(CLOSED),
    egress(),
    'high G: opened to everywhere (0.0.0.0/0) on all ports of all protocols',
  ],
])('opened %s; the reverse change only closes', (_what, before, after, expected) => {
  expect(
    messagesOf('network', reviewOf(before, after)).filter((each) => !each.startsWith('low')),
  ).toEqual([expected]);
  const back = messagesOf('network', reviewOf(after, before));
  expect(back.filter((each) => !each.startsWith('low'))).toEqual([]);
  expect(back).not.toEqual([]);
});

test.each<[string, Resources, Resources]>([
  [
    'an inline rule becomes a standalone rule',
    ingress(tcp('10.0.0.0/8', 80)),
    alone(tcp('10.0.0.0/8', 80)),
  ],
  [
    'a rule for a part of an open network',
    ingress(tcp('10.0.0.0/8', 80)),
    ingress(tcp('10.0.0.0/8', 80), tcp('10.2.3.0/24', 80)),
  ],
  [
    'another description',
    ingress(tcp('10.0.0.0/8', 80)),
    ingress({ ...tcp('10.0.0.0/8', 80), Description: 'web' }),
  ],
])('%s is not a change', (_what, before, after) => {
  expect(messagesOf('network', reviewOf(before, after))).toEqual([]);
});
