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

/** An error as the AWS SDK throws it. */
function awsError(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

interface Account {
  functions: FunctionFacts[];
  /** By function name; `$LATEST` and `1` without it. */
  versions?: Record<string, string[]>;
  /** By function name; those that CloudFormation gives without it. */
  tags?: Record<string, Record<string, string>>;
  /** By logical id; what is missing, no stack has any more. */
  resources?: Record<string, StackResourceFacts>;
  /** Resources of the stack that has a function of this name now, whatever its tags say. */
  importedBy?: Record<string, StackResourceFacts[]>;
  distributions?: DistributionFacts[];
  /** Functions with replicas. */
  replicated?: string[];
  /** How often each call is throttled before it goes through. */
  throttled?: Partial<Record<keyof EdgeFunctionsApi, number>>;
}

/** AWS as its documentation has it, with pages of one item. */
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
        `Lambda was unable to delete ${arnOf(functionName)}:1 because it is a replicated function. Please see our documentation for Deleting Lambda@Edge Functions and Replicas.`,
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

test('without delete, says what is removable and deletes nothing', async () => {
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

test('with delete, deletes them, on all pages', async () => {
  const { entries, aws } = await cleanUp({
    functions: [edge('market-a'), edge('other'), edge('market-b')],
  });
  expect(aws.deleted).toEqual(['market-a', 'market-b']);
  expect(entries.map(({ outcome }) => outcome)).toEqual(['deleted', 'deleted']);
});

describe('keeps', () => {
  test.each<[string, Partial<Account>, string]>([
    [
      'what a distribution names, on the last page, by any version',
      {
        distributions: [
          { id: 'E1', functionArns: [] },
          { id: 'E2', functionArns: [`${arnOf('other')}:1`, `${arnOf('market-a')}:3`] },
        ],
      },
      'used by E2',
    ],
    [
      'what its stack still has',
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
      'what its stack could not delete',
      {
        resources: {
          'market-a': { stackName: 'market-Edge', physicalId: 'market-a', status: 'DELETE_FAILED' },
        },
      },
      'belongs to the stack market-Edge',
    ],
    [
      'what its stack is still making',
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
      'what another stack has imported since',
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
      'what nobody made with CloudFormation',
      { tags: { 'market-a': { team: 'shop' } } },
      'not made by CloudFormation',
    ],
    [
      'what has no numbered version',
      { versions: { 'market-a': ['$LATEST'] } },
      'not a Lambda@Edge function: it has no numbered version',
    ],
    [
      'what cannot run at the edge',
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
      'what a deleted stack retained',
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
      'what its stack has replaced',
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
      'what only a stack with other resources names',
      {
        importedBy: {
          'market-a': [{ stackName: 'shop', physicalId: undefined, status: 'CREATE_IN_PROGRESS' }],
        },
      },
    ],
    ['what a stack of long ago retained', { resources: {} }],
    [
      'what only the name of another function begins like',
      { distributions: [{ id: 'E1', functionArns: [`${arnOf('market-a-2')}:1`] }] },
    ],
    [
      'what has its numbered version on the last page',
      { versions: { 'market-a': ['$LATEST', '12'] } },
    ],
  ])('%s', async (_what, account) => {
    const { aws } = await cleanUp({ functions: [edge('market-a')], ...account });
    expect(aws.deleted).toEqual(['market-a']);
  });
});

test('leaves to Lambda to keep what still has replicas, and goes on', async () => {
  const { entries, aws } = await cleanUp({
    functions: [edge('market-a'), edge('market-b')],
    replicated: ['market-a'],
  });
  expect(entries).toEqual([
    {
      functionName: 'market-a',
      outcome: 'replicated',
      reason: 'replicas still live; try again in some hours',
    },
    { functionName: 'market-b', outcome: 'deleted', reason: 'with all its versions' },
  ]);
  expect(aws.deleted).toEqual(['market-b']);
});

test.each<[string, string, string, string]>([
  ['ResourceNotFoundException', 'Function not found', 'deleted', 'it was gone already'],
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
])('a deletion that ends with %s (%s) is %s', async (name, message, outcome, reason) => {
  const aws = new FakeAws({ functions: [edge('market-a')] });
  aws.deleteFunction = async () => {
    throw awsError(name, message);
  };
  expect((await cleanUp(aws)).entries).toEqual([{ functionName: 'market-a', outcome, reason }]);
});

describe('when AWS throttles', () => {
  test('waits longer each time, makes the call again, and counts', async () => {
    const { entries, retries, waits } = await cleanUp({
      functions: [edge('market-a')],
      throttled: { listFunctions: 1, listDistributions: 5, deleteFunction: 2 },
    });
    expect(entries[0]?.outcome).toBe('deleted');
    expect(retries).toBe(8);
    expect(waits).toEqual([500, 500, 1000, 2000, 4000, 8000, 500, 1000]);
  });

  test('waits a random part of that', async () => {
    const { waits } = await cleanUp(
      { functions: [edge('market-a')], throttled: { listTags: 2 } },
      { random: () => 0.25 },
    );
    expect(waits).toEqual([125, 250]);
  });

  test('gives up after six attempts, before anything is deleted', async () => {
    const aws = new FakeAws({ functions: [edge('market-a')], throttled: { listDistributions: 6 } });
    await expect(cleanUp(aws)).rejects.toThrow(
      'cloudfront:ListDistributions failed 6 times: Throttling: Rate exceeded',
    );
    expect(aws.calls).not.toContain('deleteFunction');
  });

  test('a deletion that never goes through is one failure among others', async () => {
    const { entries, aws } = await cleanUp({
      functions: [edge('market-a'), edge('market-b')],
      throttled: { deleteFunction: 6 },
    });
    expect(entries.map(({ outcome }) => outcome)).toEqual(['failed', 'deleted']);
    expect(aws.deleted).toEqual(['market-b']);
  });
});

test('what cannot be known stops all of it, before anything is deleted', async () => {
  const aws = new FakeAws({ functions: [edge('market-a')] });
  aws.describeStackResource = async () => {
    throw awsError('ValidationError', '1 validation error detected');
  };
  await expect(cleanUp(aws)).rejects.toThrow(
    'cloudformation:DescribeStackResource failed: ValidationError: 1 validation error detected',
  );
  expect(aws.calls).not.toContain('deleteFunction');
});

test('distributions are listed after the functions were judged, so that a new association is seen', async () => {
  const { aws } = await cleanUp({ functions: [edge('market-a')] });
  expect(aws.calls.slice(-2)).toEqual(['listDistributions', 'deleteFunction']);
});

test.each(['', '*', 'market production'])(
  'refuses %j as a prefix, without a call',
  async (prefix) => {
    const aws = new FakeAws({ functions: [edge('market-a')] });
    await expect(cleanUp(aws, { prefix })).rejects.toThrow(
      "--prefix must be the beginning of a function's name",
    );
    expect(aws.calls).toEqual([]);
  },
);

describe('as text', () => {
  test('names what can be deleted, and how', async () => {
    const cleanup = await cleanUp(
      {
        functions: [edge('market-a'), edge('market-normalize', 'a VPC')],
        throttled: { listFunctions: 1 },
      },
      { delete: false },
    );
    expect(formatEdgeCleanup(cleanup, 'market')).toBe(
      [
        'removable   market-a          its stack has let it go, and no distribution names it',
        'kept        market-normalize  not a Lambda@Edge function: it has a VPC',
        '',
        'Nothing was deleted. Add --delete to delete what is removable; Lambda will keep what still has replicas.',
        '',
        'AWS throttled 1 call, which was made again.',
      ].join('\n'),
    );
  });

  test('does not speak of --delete once it was given, nor of throttling where there was none', async () => {
    expect(formatEdgeCleanup(await cleanUp({ functions: [edge('market-a')] }), 'market')).toBe(
      'deleted     market-a  with all its versions',
    );
  });

  test('says so if there is nothing', () => {
    expect(formatEdgeCleanup({ entries: [], retries: 0 }, 'market')).toBe(
      'No function in us-east-1 has a name that begins with market.',
    );
  });
});
