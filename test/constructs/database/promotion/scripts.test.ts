/**
 * The scripts of the automation, run by Python as Systems Manager runs them, against a fake AWS
 * that answers from a table.
 */
import { spawnSync } from 'node:child_process';
import { PROMOTION_SCRIPTS } from '../../../../lib/constructs/database/promotion/scripts';
import { serversHere } from '../../../servers/server-process';

/**
 * A fake of boto3. Each call takes the next of its answers, and repeats the last one. Time passes
 * only in `sleep`.
 */
const FAKE = `
import io, json, sys, types
answers, calls = json.loads(sys.argv[1]), []
class AwsError(Exception):
    def __init__(self, code, status):
        super().__init__(code)
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
class Client:
    def __init__(self, service, region):
        self.service, self.region = service, region
    def __getattr__(self, name):
        def call(**arguments):
            where = self.service + "." + name + ("@" + self.region if self.region else "")
            if isinstance(arguments.get("Payload"), bytes):
                arguments["Payload"] = arguments["Payload"].decode()
            calls.append([where, arguments])
            left = answers.get(where, [{}])
            answer = left.pop(0) if len(left) > 1 else left[0]
            if "error" in answer:
                raise AwsError(answer["error"], answer.get("status", 400))
            if self.service == "lambda":
                return {"Payload": io.BytesIO(json.dumps(answer).encode()), **({"FunctionError": "Unhandled"} if "errorMessage" in answer else {})}
            return answer
        return call
boto3, botocore, config = types.ModuleType("boto3"), types.ModuleType("botocore"), types.ModuleType("botocore.config")
boto3.client = lambda service, region_name=None, config=None: Client(service, region_name)
config.Config = lambda **_: None
sys.modules.update({"boto3": boto3, "botocore": botocore, "botocore.config": config})
import time
clock = [0]
time.time = lambda: clock[0]
def sleep(seconds): clock[0] += seconds
time.sleep = sleep
scope = {}
exec(sys.argv[3], scope)
try:
    print(json.dumps({"returned": scope[sys.argv[4]](json.loads(sys.argv[2]), {}), "calls": calls}))
except Exception as error:
    print(json.dumps({"raised": str(error), "calls": calls}))
`;

type Answers = Record<string, object[]>;

function run(name: keyof typeof PROMOTION_SCRIPTS, events: object, answers: Answers = {}) {
  const { script, handler } = PROMOTION_SCRIPTS[name];
  const { stdout, stderr } = spawnSync(
    'python3',
    ['-c', FAKE, JSON.stringify(answers), JSON.stringify(events), script.trim(), handler],
    {
      encoding: 'utf8',
    },
  );
  if (stdout === '') throw new Error(stderr);
  const result = JSON.parse(stdout) as {
    returned?: Record<string, string>;
    raised?: string;
    calls: [string, Record<string, unknown>][];
  };
  return { ...result, called: result.calls.map(([call]) => call) };
}

const OLD = { OldRegion: 'us-east-1', OldPrimary: 'market-primary' };
const WAIT = { TimeoutSeconds: 60, PollSeconds: 10 };
const SOURCE = 'arn:aws:rds:us-east-1:111122223333:db:market-primary';
const hubIs = (facts: object = {}) => ({
  DBInstances: [
    {
      DBInstanceStatus: 'available',
      BackupRetentionPeriod: 7,
      ReadReplicaSourceDBInstanceIdentifier: SOURCE,
      ...facts,
    },
  ],
});
const oldIs = (status: string, group: string, groupStatus = 'active') => ({
  DBInstances: [
    {
      DBInstanceStatus: status,
      VpcSecurityGroups: [{ VpcSecurityGroupId: group, Status: groupStatus }],
    },
  ],
});
const PROMOTED = { DBInstances: [{ DBInstanceStatus: 'available', BackupRetentionPeriod: 7 }] };
const position = (facts: object = {}) => ({
  inRecovery: true,
  receiving: true,
  drained: true,
  received: '0/10',
  replayed: '0/10',
  ageSeconds: 42.2,
  ...facts,
});

const describeHere = serversHere('python3') ? describe : describe.skip;

describeHere('inspect', () => {
  const events = { ...OLD, Hub: 'hub', Probe: 'probe' };
  test.each<[string, object, object, string]>([
    [
      'nothing is lost if all is received and the source is up',
      oldIs('available', 'sg-1'),
      position(),
      '0',
    ],
    [
      'commits since the last replayed one may be lost if the source is down',
      oldIs('failed', 'sg-1'),
      position(),
      '43',
    ],
    [
      'they may be lost if the region does not answer',
      { error: 'EndpointConnectionError' },
      position(),
      '43',
    ],
    [
      'they may be lost if nothing is received',
      oldIs('available', 'sg-1'),
      position({ receiving: false }),
      '43',
    ],
    [
      'they may be lost if replay is behind',
      oldIs('available', 'sg-1'),
      position({ drained: false }),
      '43',
    ],
    ['a deleted instance counts as down', { error: 'DBInstanceNotFound' }, position(), '43'],
    [
      'a region that answers only with server errors counts as down',
      { error: 'Unavailable', status: 503 },
      position(),
      '43',
    ],
    [
      'the loss is unknown if the hub has replayed no commit since it started',
      oldIs('failed', 'sg-1'),
      position({ ageSeconds: null }),
      '999999',
    ],
    [
      'nothing is lost once the hub is promoted',
      { error: 'EndpointConnectionError' },
      position({ inRecovery: false }),
      '0',
    ],
  ])('%s', (_what, old, at, loss) => {
    const answers = {
      'rds.describe_db_instances': [hubIs()],
      'rds.describe_db_instances@us-east-1': [old],
      'lambda.invoke': [at],
    };
    expect(run('inspect', events, answers).returned).toMatchObject({
      LossSeconds: loss,
      Following: 'yes',
      HubSource: SOURCE,
    });
  });

  test('a missing permission does not count as a region that is down', () => {
    const answers = {
      'rds.describe_db_instances': [hubIs()],
      'rds.describe_db_instances@us-east-1': [{ error: 'AccessDenied' }],
    };
    expect(run('inspect', events, answers).raised).toBe('AccessDenied');
  });
});

describeHere('assess', () => {
  const inspected = {
    Following: 'yes',
    HubStatus: 'available',
    BackupRetention: '7',
    HubSource: SOURCE,
    LossSeconds: '30',
    OldStatus: 'available',
  };
  const events = {
    ...OLD,
    AcceptedLossSeconds: 30,
    AllowUnfenced: false,
    Role: 'role',
    Permissions: [[['rds:PromoteReadReplica'], 'hub']],
    Inspected: inspected,
  };
  const allowed = {
    'iam.simulate_principal_policy': [
      {
        EvaluationResults: [{ EvalActionName: 'rds:PromoteReadReplica', EvalDecision: 'allowed' }],
      },
    ],
  };

  test('accepts a hub whose loss is as large as accepted', () => {
    expect(run('assess', events, allowed).returned).toEqual({ Verdict: 'ready' });
  });

  test.each(
    Object.entries({
      'Up to 31 s of commits would be lost, and 30 s are accepted.': { LossSeconds: '31' },
      'The hub is modifying, not available.': { HubStatus: 'modifying' },
      'The hub has no automatic backups': { BackupRetention: '0' },
      'The hub follows other, not market-primary.': {
        HubSource: 'arn:aws:rds:us-east-1:1:db:other',
      },
      'AllowUnfenced is false': { OldStatus: 'unreachable' },
    }),
  )('refuses: %s', (message, seen) => {
    const changed = { ...events, Inspected: { ...inspected, ...seen } };
    expect(run('assess', changed, allowed).raised).toContain(message);
  });

  test('refuses a role without a permission, and names the permission', () => {
    const denied = {
      'iam.simulate_principal_policy': [
        {
          EvaluationResults: [
            { EvalActionName: 'rds:PromoteReadReplica', EvalDecision: 'implicitDeny' },
          ],
        },
      ],
    };
    expect(run('assess', events, denied).raised).toBe(
      'rds:PromoteReadReplica on hub is not allowed (implicitDeny).',
    );
  });

  test('continues if IAM does not answer, since its control plane may have failed too', () => {
    const down = {
      'iam.simulate_principal_policy': [{ error: 'ServiceUnavailable', status: 503 }],
    };
    expect(run('assess', events, down).returned).toEqual({
      Verdict: 'ready, but IAM does not answer: permissions were not checked',
    });
    expect(
      run('assess', events, { 'iam.simulate_principal_policy': [{ error: 'AccessDenied' }] })
        .raised,
    ).toBe('AccessDenied');
  });

  test('accepts parameters as the text that Systems Manager passes', () => {
    const unreachable = { ...inspected, OldStatus: 'unreachable' };
    expect(
      run(
        'assess',
        { ...events, Inspected: unreachable, AllowUnfenced: 'true', AcceptedLossSeconds: '30' },
        allowed,
      ).returned,
    ).toBeDefined();
  });
});

describeHere('fence', () => {
  const events = { ...OLD, ...WAIT, FenceGroup: 'market-fence', AllowUnfenced: false };
  const closed = {
    'ec2.describe_security_groups@us-east-1': [{ SecurityGroups: [{ GroupId: 'sg-closed' }] }],
  };

  test('moves the primary into the closed group, and only then reboots it', () => {
    const { returned, called } = run('fence', events, {
      ...closed,
      'rds.describe_db_instances@us-east-1': [
        oldIs('available', 'sg-open'),
        oldIs('available', 'sg-closed', 'adding'),
        oldIs('available', 'sg-closed'),
        oldIs('rebooting', 'sg-closed'),
        oldIs('available', 'sg-closed'),
      ],
    });
    expect(returned).toEqual({ OldPrimary: 'fenced' });
    const changing = called.filter((call) => !call.includes('describe'));
    expect(changing).toEqual([
      'rds.modify_db_instance@us-east-1',
      'rds.reboot_db_instance@us-east-1',
    ]);
  });

  test('does not change the groups of an instance that is already in it', () => {
    const { called } = run('fence', events, {
      ...closed,
      'rds.describe_db_instances@us-east-1': [oldIs('available', 'sg-closed')],
    });
    expect(called).not.toContain('rds.modify_db_instance@us-east-1');
  });

  test('waits for a busy instance, and for a region that once does not answer', () => {
    const { returned, called } = run(
      'fence',
      { ...events, AllowUnfenced: true },
      {
        ...closed,
        'rds.describe_db_instances@us-east-1': [
          oldIs('backing-up', 'sg-open'),
          { error: 'ReadTimeoutError' },
          oldIs('available', 'sg-open'),
          oldIs('available', 'sg-closed'),
        ],
        'rds.modify_db_instance@us-east-1': [{ error: 'InvalidDBInstanceState' }, {}],
      },
    );
    expect(returned).toEqual({ OldPrimary: 'fenced' });
    expect(called.filter((call) => call.startsWith('rds.modify'))).toHaveLength(2);
  });

  test.each<[string, Answers]>([
    [
      'that has failed',
      {
        'rds.describe_db_instances@us-east-1': [oldIs('failed', 'sg-open')],
        'rds.modify_db_instance@us-east-1': [{ error: 'InvalidDBInstanceState' }],
      },
    ],
    [
      'that was deleted',
      { 'rds.describe_db_instances@us-east-1': [{ error: 'DBInstanceNotFound' }] },
    ],
  ])('an instance %s cannot be fenced, and is left if that was allowed', (_what, answers) => {
    expect(run('fence', events, { ...closed, ...answers }).raised).toBeDefined();
    expect(
      run('fence', { ...events, AllowUnfenced: true }, { ...closed, ...answers }).returned,
    ).toEqual({ OldPrimary: 'unreachable' });
  });

  test.each<[string, Answers, string]>([
    [
      'if the group does not exist',
      { 'ec2.describe_security_groups@us-east-1': [{ SecurityGroups: [] }] },
      'must be one security group market-fence',
    ],
    [
      'if the group has a rule that allows traffic',
      {
        'ec2.describe_security_groups@us-east-1': [
          { SecurityGroups: [{ GroupId: 'sg-1', IpPermissions: [{}] }] },
        ],
      },
      'it is no fence',
    ],
    [
      'if it takes too long',
      { ...closed, 'rds.describe_db_instances@us-east-1': [oldIs('available', 'sg-open')] },
      'not behind the closed group yet, after 60 s',
    ],
    [
      'if the region is gone and that was not allowed',
      { 'ec2.describe_security_groups@us-east-1': [{ error: 'ConnectTimeoutError' }] },
      'ConnectTimeoutError',
    ],
  ])('fails %s', (_what, answers, message) => {
    expect(run('fence', events, answers).raised).toContain(message);
  });

  test('reports a region that is gone if that was allowed, and no other error as such', () => {
    const allowed = { ...events, AllowUnfenced: 'true' };
    expect(
      run('fence', allowed, {
        'ec2.describe_security_groups@us-east-1': [{ error: 'ConnectTimeoutError' }],
      }).returned,
    ).toEqual({
      OldPrimary: 'unreachable',
    });
    expect(
      run('fence', allowed, {
        'ec2.describe_security_groups@us-east-1': [{ error: 'AccessDenied' }],
      }).raised,
    ).toBe('AccessDenied');
  });
});

describeHere('catchUp', () => {
  const events = { ...WAIT, Probe: 'probe' };
  test('waits until all is received and replayed, on a connection after the reboot', () => {
    const { returned, called } = run('catchUp', events, {
      'lambda.invoke': [
        position({ receiving: false, received: '0/10' }),
        position({ receiving: false, received: '0/10' }),
        position({ received: '0/20', drained: false }),
        position({ received: '0/30' }),
        position({ received: '0/30', replayed: '0/30' }),
      ],
    });
    expect(returned).toEqual({ CaughtUp: '0/30' });
    expect(called).toHaveLength(5);
  });

  test('continues after the hub once did not answer, since no instance accepts writes', () => {
    const { returned } = run('catchUp', events, {
      'lambda.invoke': [position(), { errorMessage: 'timeout' }, position(), position()],
    });
    expect(returned).toEqual({ CaughtUp: '0/10' });
    expect(
      run('catchUp', events, { 'lambda.invoke': [{ errorMessage: 'no such role' }] }).raised,
    ).toContain('after 60 s: no such role');
  });

  test('fails if the hub does not catch up in time', () => {
    expect(
      run('catchUp', events, { 'lambda.invoke': [position({ drained: false })] }).raised,
    ).toContain('after 60 s');
  });
});

describeHere('promote, verify, repoint', () => {
  test('a promoted hub is not promoted again', () => {
    const events = { Hub: 'hub', ...WAIT };
    expect(run('promote', events, { 'rds.describe_db_instances': [hubIs()] }).called).toContain(
      'rds.promote_read_replica',
    );
    expect(
      run('promote', events, { 'rds.describe_db_instances': [PROMOTED] }).called,
    ).not.toContain('rds.promote_read_replica');
  });

  const lost = { error: 'InternalFailure', status: 500 };
  const busy = { error: 'InvalidDBInstanceState' };
  test.each<[string, Answers, string | undefined]>([
    ['lost, and RDS promotes', { 'rds.promote_read_replica': [lost, busy] }, undefined],
    ['lost, and RDS does not promote', { 'rds.promote_read_replica': [lost, {}] }, undefined],
    ['refused while the hub is busy', { 'rds.promote_read_replica': [busy, busy, {}] }, undefined],
    ['refused', { 'rds.promote_read_replica': [{ error: 'AccessDenied' }] }, 'AccessDenied'],
    ['lost for good', { 'rds.promote_read_replica': [lost] }, 'InternalFailure'],
  ])('a promotion that is %s', (what, answers, raised) => {
    const states = what === 'lost, and RDS promotes' ? [hubIs(), hubIs(), PROMOTED] : [hubIs()];
    const result = run(
      'promote',
      { Hub: 'hub', ...WAIT },
      { 'rds.describe_db_instances': states, ...answers },
    );
    expect(result.raised).toBe(raised);
    if (raised === undefined) expect(result.returned).toEqual({ Promoted: 'hub' });
  });

  test('a write counts only on an instance that is available and follows no source', () => {
    const events = { Hub: 'hub', Probe: 'probe', ...WAIT };
    const { returned, called } = run('verify', events, {
      'rds.describe_db_instances': [hubIs(), hubIs({ DBInstanceStatus: 'modifying' }), PROMOTED],
      'lambda.invoke': [{ errorMessage: 'still in recovery' }, { lsn: '0/40' }],
    });
    expect(returned).toEqual({ Written: '0/40' });
    expect(called.filter((call) => call === 'lambda.invoke')).toHaveLength(2);
    expect(
      run('verify', events, {
        'rds.describe_db_instances': [PROMOTED],
        'lambda.invoke': [{ errorMessage: 'still in recovery' }],
      }).raised,
    ).toBe('hub takes no writes after 60 s: still in recovery');
  });

  test('each record is changed once, and the change is awaited', () => {
    const { returned, calls } = run(
      'repoint',
      {
        Hub: 'hub',
        ...WAIT,
        Records: [{ zone: 'Z1', set: { Name: 'write.example.com.', Type: 'A' } }],
      },
      {
        'route53.change_resource_record_sets': [{ ChangeInfo: { Id: '/change/C1' } }],
        'route53.get_change': [
          { ChangeInfo: { Status: 'PENDING' } },
          { ChangeInfo: { Status: 'INSYNC' } },
        ],
      },
    );
    expect(returned).toEqual({ Repointed: 'write.example.com.' });
    expect(calls[0]).toEqual([
      'route53.change_resource_record_sets',
      {
        HostedZoneId: 'Z1',
        ChangeBatch: {
          Comment: 'Promotion of hub',
          Changes: [
            { Action: 'UPSERT', ResourceRecordSet: { Name: 'write.example.com.', Type: 'A' } },
          ],
        },
      },
    ]);
  });
});
