import {
  cleanUpEdge,
  type DistributionFacts,
  type EdgeCleanupOptions,
  type EdgeFunctionsApi,
  type FunctionFacts,
  formatEdgeCleanup,
  type Page,
  type StackResourceFacts,
} from '../../../lib/tools/account/edge-cleanup';

const arnOf = (name: string) => `arn:aws:lambda:us-east-1:111122223333:function:${name}`;
const STACK_ID = 'arn:aws:cloudformation:us-east-1:111122223333:stack/market-Edge/0a1b2c';

/** An error as the AWS SDK throws it for AWS's answer. */
function awsError(name: string, message: string, status = 400): Error {
  const $fault = status < 500 ? 'client' : 'server';
  return Object.assign(new Error(message), { name, $fault, $metadata: { httpStatusCode: status } });
}

interface Account {
  functions: FunctionFacts[];
  /** By function name; `$LATEST` and `1` by default. */
  versions?: Record<string, string[]>;
  /** By function name; the tags that CloudFormation adds by default. */
  tags?: Record<string, Record<string, string>>;
  /** By logical id. A resource that is missing belongs to no stack any more. */
  resources?: Record<string, StackResourceFacts>;
  /** By function name: the resources of the stack that owns it now, whatever its tags say. */
  importedBy?: Record<string, StackResourceFacts[]>;
  distributions?: DistributionFacts[];
  /** Names of functions with replicas. */
  replicated?: string[];
  /** How often each call is throttled before it succeeds. */
  throttled?: Partial<Record<keyof EdgeFunctionsApi, number>>;
}

/** AWS as its documentation describes it, with pages of one item. */
class FakeAws implements EdgeFunctionsApi {
  public readonly deleted: string[] = [];
  public readonly calls: (keyof EdgeFunctionsApi)[] = [];
  private readonly throttled: Partial<Record<keyof EdgeFunctionsApi, number>>;

  constructor(private readonly account: Account) {
    this.throttled = { ...account.throttled };
  }

  async listFunctions(marker?: string) {
    this.enter('listFunctions', 'TooManyRequestsException');
    return page(this.account.functions, marker);
  }

  async listVersions(functionName: string, marker?: string) {
    this.enter('listVersions', 'TooManyRequestsException');
    return page(this.account.versions?.[functionName] ?? ['$LATEST', '1'], marker);
  }

  async listTags(functionArn: string) {
    this.enter('listTags', 'TooManyRequestsException');
    const name = functionArn.split(':').at(-1) ?? '';
    return (
      this.account.tags?.[name] ?? {
        'aws:cloudformation:stack-name': 'market-Edge',
        'aws:cloudformation:stack-id': STACK_ID,
        'aws:cloudformation:logical-id': name,
      }
    );
  }

  async describeStackResource(stackId: string, logicalId: string) {
    this.enter('describeStackResource', 'Throttling');
    const resource = this.account.resources?.[logicalId];
    if (resource === undefined)
      throw awsError('ValidationError', `Stack '${stackId}' does not exist`);
    return resource;
  }

  async describeStackResources(physicalId: string) {
    this.enter('describeStackResources', 'Throttling');
    const made = Object.values(this.account.resources ?? {});
    const resources =
      this.account.importedBy?.[physicalId] ??
      (made.some((each) => each.physicalId === physicalId) ? made : undefined);
    if (resources === undefined)
      throw awsError('ValidationError', `Stack for ${physicalId} does not exist`);
    return resources;
  }

  async listDistributions(marker?: string) {
    this.enter('listDistributions', 'Throttling');
    return page(this.account.distributions ?? [], marker);
  }

  async deleteFunction(functionName: string) {
    this.enter('deleteFunction', 'TooManyRequestsException');
    if (this.account.replicated?.includes(functionName)) {
      throw awsError(
        'InvalidParameterValueException',
        `Lambda was unable to delete ${arnOf(functionName)}:1 because it is a replicated ` +
          'function. Please see our documentation for Deleting Lambda@Edge Functions and Replicas.',
      );
    }
    this.deleted.push(functionName);
  }

  private enter(call: keyof EdgeFunctionsApi, throttle: string): void {
    this.calls.push(call);
    const left = this.throttled[call] ?? 0;
    this.throttled[call] = left - 1;
    if (left > 0) throw awsError(throttle, 'Rate exceeded');
  }
}

function page<T>(items: readonly T[], marker = '0'): Page<T> {
  const i = Number(marker);
  return { items: items.slice(i, i + 1), next: i + 1 < items.length ? String(i + 1) : undefined };
}

const edge = (name: string, ...notAtTheEdge: string[]): FunctionFacts => ({
  name,
  arn: arnOf(name),
  notAtTheEdge,
});

async function cleanUp(account: Account | FakeAws, options: Partial<EdgeCleanupOptions> = {}) {
  const aws = account instanceof FakeAws ? account : new FakeAws(account);
  const waits: number[] = [];
  const sleep = async (milliseconds: number) => {
    waits.push(milliseconds);
  };
  const cleanup = await cleanUpEdge(aws, {
    prefix: 'market',
    delete: true,
    sleep,
    random: () => 1,
    ...options,
  });
  return { ...cleanup, waits, aws };
}

test('reports what is removable without --delete, and deletes nothing', async () => {
  const { entries, aws } = await cleanUp(
    { functions: [edge('market-a'), edge('market-b')] },
    { delete: false },
  );
  expect(entries.map(({ functionName, outcome }) => [functionName, outcome])).toEqual([
    ['market-a', 'removable'],
    ['market-b', 'removable'],
  ]);
  expect(aws.calls).not.toContain('deleteFunction');
});

test('deletes the removable functions of all pages with --delete', async () => {
  const { entries, aws } = await cleanUp({
    functions: [edge('market-a'), edge('other'), edge('market-b')],
  });
  expect(aws.deleted).toEqual(['market-a', 'market-b']);
  expect(entries.map(({ outcome }) => outcome)).toEqual(['deleted', 'deleted']);
});

describe('keeps', () => {
  test.each<[string, Partial<Account>, string]>([
    [
      'a function whose version a distribution on the last page uses',
      {
        distributions: [
          { id: 'E1', functionArns: [] },
          { id: 'E2', functionArns: [`${arnOf('other')}:1`, `${arnOf('market-a')}:3`] },
        ],
      },
      'used by E2',
    ],
    [
      'a function that its stack still owns',
      {
        resources: {
          'market-a': {
            stackName: 'market-Edge',
            physicalId: 'market-a',
            status: 'UPDATE_COMPLETE',
          },
        },
      },
      'belongs to the stack market-Edge',
    ],
    [
      'a function that its stack could not delete',
      {
        resources: {
          'market-a': { stackName: 'market-Edge', physicalId: 'market-a', status: 'DELETE_FAILED' },
        },
      },
      'belongs to the stack market-Edge',
    ],
    [
      'a function that its stack is still creating',
      {
        resources: {
          'market-a': {
            stackName: 'market-Edge',
            physicalId: undefined,
            status: 'CREATE_IN_PROGRESS',
          },
        },
      },
      'belongs to the stack market-Edge',
    ],
    [
      'a function that another stack has imported since',
      {
        importedBy: {
          'market-a': [
            { stackName: 'shop', physicalId: undefined, status: 'CREATE_IN_PROGRESS' },
            { stackName: 'shop', physicalId: 'market-a', status: 'IMPORT_COMPLETE' },
          ],
        },
      },
      'belongs to the stack shop',
    ],
    [
      'a function that CloudFormation did not create',
      { tags: { 'market-a': { team: 'shop' } } },
      'not created by CloudFormation',
    ],
    [
      'a function without a numbered version',
      { versions: { 'market-a': ['$LATEST'] } },
      'not a Lambda@Edge function: it has no numbered version',
    ],
    [
      'a function that cannot run at the edge',
      { functions: [edge('market-a', 'a VPC', 'layers')] },
      'not a Lambda@Edge function: it has a VPC, layers',
    ],
  ])('%s', async (_what, account, reason) => {
    const { entries, aws } = await cleanUp({ functions: [edge('market-a')], ...account });
    expect(entries).toEqual([{ functionName: 'market-a', outcome: 'kept', reason }]);
    expect(aws.calls).not.toContain('deleteFunction');
  });
});

describe('deletes', () => {
  test.each<[string, Partial<Account>]>([
    [
      'a function that a deleted stack retained',
      {
        resources: {
          'market-a': {
            stackName: 'market-Edge',
            physicalId: 'market-a',
            status: 'DELETE_SKIPPED',
          },
        },
      },
    ],
    [
      'a function that its stack has replaced',
      {
        resources: {
          'market-a': {
            stackName: 'market-Edge',
            physicalId: 'market-a-2',
            status: 'UPDATE_COMPLETE',
          },
        },
      },
    ],
    [
      'a function that only a stack without it is asked for',
      {
        importedBy: {
          'market-a': [{ stackName: 'shop', physicalId: undefined, status: 'CREATE_IN_PROGRESS' }],
        },
      },
    ],
    ['a function of a stack that CloudFormation no longer describes', { resources: {} }],
    [
      'a function whose name is a prefix of a used one',
      { distributions: [{ id: 'E1', functionArns: [`${arnOf('market-a-2')}:1`] }] },
    ],
    [
      'a function with its numbered version on the last page',
      { versions: { 'market-a': ['$LATEST', '12'] } },
    ],
  ])('%s', async (_what, account) => {
    const { aws } = await cleanUp({ functions: [edge('market-a')], ...account });
    expect(aws.deleted).toEqual(['market-a']);
  });
});

test('reports a function that Lambda keeps for its replicas, and continues', async () => {
  const { entries, aws } = await cleanUp({
    functions: [edge('market-a'), edge('market-b')],
    replicated: ['market-a'],
  });
  expect(entries).toEqual([
    {
      functionName: 'market-a',
      outcome: 'replicated',
      reason: 'replicas remain; try again in a few hours',
    },
    { functionName: 'market-b', outcome: 'deleted', reason: 'with all its versions' },
  ]);
  expect(aws.deleted).toEqual(['market-b']);
});

test.each<[string, string, string, string]>([
  ['ResourceNotFoundException', 'Function not found', 'deleted', 'already deleted'],
  [
    'AccessDeniedException',
    'not authorized',
    'failed',
    'lambda:DeleteFunction failed: AccessDeniedException: not authorized',
  ],
  [
    'InvalidParameterValueException',
    'something else',
    'failed',
    'lambda:DeleteFunction failed: InvalidParameterValueException: something else',
  ],
])('after %s (%s), the deletion counts as %s', async (name, message, outcome, reason) => {
  const aws = new FakeAws({ functions: [edge('market-a')] });
  aws.deleteFunction = async () => {
    throw awsError(name, message);
  };
  expect((await cleanUp(aws)).entries).toEqual([{ functionName: 'market-a', outcome, reason }]);
});

test('a deletion without an answer may have been carried out', async () => {
  const lost = [awsError('ServiceException', 'lost', 500), awsError('AccessDenied', 'no')];
  const aws = new FakeAws({ functions: [edge('market-a'), edge('market-b')] });
  aws.deleteFunction = async (name) => {
    const error = lost.shift();
    if (error) throw error;
    aws.deleted.push(name);
  };
  const { entries } = await cleanUp(aws);
  expect(entries.map(({ outcome }) => outcome)).toEqual(['unknown', 'deleted']);
  expect(entries[0]?.reason).toContain('it may be deleted; run the command again to see');
});

test.each<[string, () => Error]>([
  ['a fault of AWS', () => awsError('ServiceException', 'lost', 500)],
  ['a lost connection', () => Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
])(
  'after %s, the deletion is retried, and a function that is gone was deleted',
  async (_, fail) => {
    const errors = [fail(), awsError('ResourceNotFoundException', 'gone', 404)];
    const aws = new FakeAws({ functions: [edge('market-a')] });
    aws.deleteFunction = async () => {
      throw errors.shift();
    };
    expect((await cleanUp(aws)).entries).toMatchObject([{ outcome: 'deleted' }]);
  },
);

test('a listing is retried after a fault of AWS', async () => {
  const aws = new FakeAws({ functions: [edge('market-a')] });
  const listFunctions = aws.listFunctions.bind(aws);
  let failed = false;
  aws.listFunctions = async (marker) => {
    if (!failed) {
      failed = true;
      throw awsError('InternalFailure', 'lost', 500);
    }
    return listFunctions(marker);
  };
  expect((await cleanUp(aws)).entries).toMatchObject([{ outcome: 'deleted' }]);
});

describe('when AWS throttles', () => {
  test('doubles the wait, retries the call, and counts', async () => {
    const { entries, retries, waits } = await cleanUp({
      functions: [edge('market-a')],
      throttled: { listFunctions: 1, listDistributions: 5, deleteFunction: 2 },
    });
    expect(entries[0]?.outcome).toBe('deleted');
    expect(retries).toBe(8);
    expect(waits).toEqual([500, 500, 1000, 2000, 4000, 8000, 500, 1000]);
  });

  test('waits a random part of the longest wait', async () => {
    const { waits } = await cleanUp(
      { functions: [edge('market-a')], throttled: { listTags: 2 } },
      { random: () => 0.25 },
    );
    expect(waits).toEqual([125, 250]);
  });

  test('gives up after six attempts, before anything is deleted', async () => {
    const aws = new FakeAws({ functions: [edge('market-a')], throttled: { listDistributions: 6 } });
    await expect(cleanUp(aws)).rejects.toThrow(
      'cloudfront:ListDistributions failed 6 times: Throttling: Rate exceeded\n' +
        'Nothing was deleted.',
    );
    expect(aws.calls).not.toContain('deleteFunction');
  });

  test('a deletion that is throttled for good fails alone', async () => {
    const { entries, aws } = await cleanUp({
      functions: [edge('market-a'), edge('market-b')],
      throttled: { deleteFunction: 6 },
    });
    expect(entries.map(({ outcome }) => outcome)).toEqual(['failed', 'deleted']);
    expect(aws.deleted).toEqual(['market-b']);
  });
});

test('an unexpected error stops the clean-up before anything is deleted', async () => {
  const aws = new FakeAws({ functions: [edge('market-a')] });
  aws.describeStackResource = async () => {
    throw awsError('ValidationError', '1 validation error detected');
  };
  await expect(cleanUp(aws)).rejects.toThrow(
    'cloudformation:DescribeStackResource failed: ValidationError: 1 validation error detected',
  );
  expect(aws.calls).not.toContain('deleteFunction');
});

test('lists distributions last, so that a new association is seen', async () => {
  const { aws } = await cleanUp({ functions: [edge('market-a')] });
  expect(aws.calls.slice(-2)).toEqual(['listDistributions', 'deleteFunction']);
});

test.each(['', '*', 'market production'])(
  'refuses the prefix %j without a call to AWS',
  async (prefix) => {
    const aws = new FakeAws({ functions: [edge('market-a')] });
    await expect(cleanUp(aws, { prefix })).rejects.toThrow(
      "--prefix must be the beginning of a function's name",
    );
    expect(aws.calls).toEqual([]);
  },
);

describe('the report as text', () => {
  test('names the removable functions and the option that deletes them', async () => {
    const cleanup = await cleanUp(
      {
        functions: [edge('market-a'), edge('market-normalize', 'a VPC')],
        throttled: { listFunctions: 1 },
      },
      { delete: false },
    );
    expect(formatEdgeCleanup(cleanup, 'market')).toBe(
      [
        'removable   market-a          no stack owns it, and no distribution uses it',
        'kept        market-normalize  not a Lambda@Edge function: it has a VPC',
        '',
        'Nothing was deleted. Add --delete to delete the removable functions; ' +
          'Lambda keeps those with replicas.',
        '',
        '1 call to AWS failed and was retried.',
      ].join('\n'),
    );
  });

  test('mentions neither --delete after a deletion nor absent throttling', async () => {
    expect(formatEdgeCleanup(await cleanUp({ functions: [edge('market-a')] }), 'market')).toBe(
      'deleted     market-a  with all its versions',
    );
  });

  test('says that no function has the prefix', () => {
    expect(formatEdgeCleanup({ entries: [], retries: 0 }, 'market')).toBe(
      'No function in us-east-1 has a name that begins with market.',
    );
  });
});
