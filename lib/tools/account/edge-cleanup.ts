/**
 * Lambda@Edge functions that their stacks left behind. A stack cannot delete them: replicas at the
 * edge live for hours after the last distribution has let a function go, and until then Lambda
 * refuses ("Delete Lambda@Edge functions and replicas", Amazon CloudFront developer guide). Which
 * replicas still live cannot be asked: only the attempt tells.
 */
import { IsochroneError } from '../../model/errors';

/** A page of a listing, and where the next one begins. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** What `ListFunctions` says of a function, as far as it matters here. */
export interface FunctionFacts {
  readonly name: string;
  /** Without a version. */
  readonly arn: string;
  /**
   * What Lambda@Edge cannot have, so that a function that has it is none: `Environment`,
   * `VpcConfig`, …
   */
  readonly notAtTheEdge: readonly string[];
}

/**
 * What `ListDistributions` says of a distribution: the ARNs, with versions, of the functions of all
 * its behaviours.
 */
export interface DistributionFacts {
  readonly id: string;
  readonly functionArns: readonly string[];
}

/** What CloudFormation says of a resource. */
export interface StackResourceFacts {
  readonly stackName: string;
  readonly physicalId: string | undefined;
  readonly status: string;
}

/**
 * The calls to AWS, one method each. They fail as AWS does: with an error that has AWS's error code
 * as its name.
 */
export interface EdgeFunctionsApi {
  listFunctions(marker?: string): Promise<Page<FunctionFacts>>;
  /** Numbered versions, and `$LATEST`. */
  listVersions(functionName: string, marker?: string): Promise<Page<string>>;
  listTags(functionArn: string): Promise<Readonly<Record<string, string>>>;
  describeStackResource(stackId: string, logicalId: string): Promise<StackResourceFacts>;
  /** All resources of the stack that now has a resource of this physical id. */
  describeStackResources(physicalId: string): Promise<readonly StackResourceFacts[]>;
  /** Staging distributions are among them. */
  listDistributions(marker?: string): Promise<Page<DistributionFacts>>;
  /** With all versions. */
  deleteFunction(functionName: string): Promise<void>;
}

export interface EdgeCleanupOptions {
  /** Only functions whose name begins like this are looked at. */
  readonly prefix: string;
  /** False: only say what would be deleted. */
  readonly delete: boolean;
  /** Waits, in milliseconds, before a call that was throttled is made again. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** From 0 to 1, as `Math.random`. */
  readonly random: () => number;
}

export interface EdgeCleanupEntry {
  readonly functionName: string;
  /** `replicated`: Lambda refused, because replicas still live. */
  readonly outcome: 'kept' | 'removable' | 'deleted' | 'replicated' | 'failed';
  readonly reason: string;
}

export interface EdgeCleanup {
  readonly entries: readonly EdgeCleanupEntry[];
  /** Calls that were made again because AWS throttled them. */
  readonly retries: number;
}

/** CloudFormation puts these tags on what it makes, and they stay on what it retains. */
const STACK_ID_TAG = 'aws:cloudformation:stack-id';
const LOGICAL_ID_TAG = 'aws:cloudformation:logical-id';

/**
 * A deleted stack still answers for 90 days, and says of what it retained that its deletion was
 * skipped.
 */
const LET_GO = ['DELETE_SKIPPED', 'DELETE_COMPLETE'];

/** The error codes by which Lambda, CloudFront and CloudFormation throttle. */
const THROTTLES = [
  'TooManyRequestsException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
];

const ATTEMPTS = 6;
const FIRST_WAIT_MILLISECONDS = 500;
const LONGEST_WAIT_MILLISECONDS = 10_000;

/**
 * Finds the Lambda@Edge functions that their stacks left behind, and deletes them if told so.
 *
 * A function is deleted only if all of this is so: it can be a Lambda@Edge function and has a
 * numbered version; a stack made it, and has let it go; no distribution names any version of it.
 * Lambda itself refuses those with living replicas.
 *
 * @throws IsochroneError if the prefix is empty, or if anything cannot be listed; nothing has then
 * been deleted
 */
export async function cleanUpEdge(
  api: EdgeFunctionsApi,
  options: EdgeCleanupOptions,
): Promise<EdgeCleanup> {
  if (!/^[a-zA-Z0-9-_]+$/.test(options.prefix)) {
    throw new IsochroneError(
      `--prefix must be the beginning of a function's name, got ${JSON.stringify(options.prefix)}.\n` +
        'Without one, functions of other teams would be deleted too. Give the name of the deployment, such as `market-production`.',
    );
  }
  const calls = new Calls(options);
  const functions = (
    await calls.all('lambda:ListFunctions', (marker) => api.listFunctions(marker))
  ).filter(({ name }) => name.startsWith(options.prefix));
  const judged: [FunctionFacts, string | undefined][] = [];
  for (const each of functions) judged.push([each, await reasonToKeep(each, api, calls)]);
  // Listed last, so that what someone associates meanwhile is seen.
  const distributions = await calls.all('cloudfront:ListDistributions', (marker) =>
    api.listDistributions(marker),
  );

  const entries: EdgeCleanupEntry[] = [];
  for (const [{ name, arn }, reason] of judged) {
    const users = distributions
      .filter(({ functionArns }) => functionArns.some((used) => withoutVersion(used) === arn))
      .map(({ id }) => id);
    const keep = users.length > 0 ? `used by ${users.join(', ')}` : reason;
    if (keep !== undefined) entries.push({ functionName: name, outcome: 'kept', reason: keep });
    else if (!options.delete)
      entries.push({
        functionName: name,
        outcome: 'removable',
        reason: 'its stack has let it go, and no distribution names it',
      });
    else entries.push(await deleted(name, api, calls));
  }
  return { entries, retries: calls.retries };
}

async function reasonToKeep(
  { name, arn, notAtTheEdge }: FunctionFacts,
  api: EdgeFunctionsApi,
  calls: Calls,
): Promise<string | undefined> {
  if (notAtTheEdge.length > 0)
    return `not a Lambda@Edge function: it has ${notAtTheEdge.join(', ')}`;
  const versions = await calls.all('lambda:ListVersionsByFunction', (marker) =>
    api.listVersions(name, marker),
  );
  if (!versions.some((version) => /^\d+$/.test(version)))
    return 'not a Lambda@Edge function: it has no numbered version';
  const tags = await calls.make('lambda:ListTags', () => api.listTags(arn));
  const stackId = tags[STACK_ID_TAG];
  const logicalId = tags[LOGICAL_ID_TAG];
  if (stackId === undefined || logicalId === undefined) return 'not made by CloudFormation';
  const owner = await owningStack(
    name,
    () => api.describeStackResource(stackId, logicalId),
    () => api.describeStackResources(name),
    calls,
  );
  return owner === undefined ? undefined : `belongs to the stack ${owner}`;
}

/**
 * The tags name the stack that made the function. Another one may have imported it since, and only
 * CloudFormation knows.
 */
async function owningStack(
  name: string,
  inMaker: () => Promise<StackResourceFacts>,
  inAnyStack: () => Promise<readonly StackResourceFacts[]>,
  calls: Calls,
): Promise<string | undefined> {
  const made = await calls.find('cloudformation:DescribeStackResource', inMaker);
  const listed = await calls.find('cloudformation:DescribeStackResources', inAnyStack);
  return [
    // Without a physical id, it is being made. With another one, the stack has replaced the
    // function.
    ...(made && (made.physicalId ?? name) === name ? [made] : []),
    ...(listed ?? []).filter(({ physicalId }) => physicalId === name),
  ].find(({ status }) => !LET_GO.includes(status))?.stackName;
}

async function deleted(
  functionName: string,
  api: EdgeFunctionsApi,
  calls: Calls,
): Promise<EdgeCleanupEntry> {
  try {
    await calls.make('lambda:DeleteFunction', () => api.deleteFunction(functionName));
    return { functionName, outcome: 'deleted', reason: 'with all its versions' };
  } catch (error) {
    if (isAwsError(error, 'ResourceNotFoundException', /./))
      return { functionName, outcome: 'deleted', reason: 'it was gone already' };
    if (isAwsError(error, 'InvalidParameterValueException', /replicated function/)) {
      return {
        functionName,
        outcome: 'replicated',
        reason: 'replicas still live; try again in some hours',
      };
    }
    // The others may still go.
    return {
      functionName,
      outcome: 'failed',
      reason: error instanceof Error ? error.message : String(error),
    };
  }
}

/**
 * Calls to AWS: all pages of a listing, and again, a bounded number of times, what was throttled.
 */
class Calls {
  public retries = 0;

  constructor(private readonly options: Pick<EdgeCleanupOptions, 'sleep' | 'random'>) {}

  public async all<T>(
    operation: string,
    list: (marker?: string) => Promise<Page<T>>,
  ): Promise<T[]> {
    const items: T[] = [];
    let marker: string | undefined;
    do {
      const page: Page<T> = await this.make(operation, () => list(marker));
      items.push(...page.items);
      marker = page.next;
    } while (marker !== undefined);
    return items;
  }

  /** What CloudFormation says; undefined if it says that there is no such stack or resource. */
  public async find<T>(operation: string, call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.make(operation, call);
    } catch (error) {
      if (isAwsError(error, 'ValidationError', /does not exist/)) return undefined;
      throw error;
    }
  }

  /** @throws IsochroneError whose cause is AWS's error */
  public async make<T>(operation: string, call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        const { name, message } =
          error instanceof Error ? error : { name: 'Error', message: String(error) };
        const throttled = THROTTLES.includes(name);
        if (!throttled || attempt === ATTEMPTS) {
          const times = throttled ? ` ${ATTEMPTS} times` : '';
          throw new IsochroneError(`${operation} failed${times}: ${name}: ${message}`, {
            cause: error,
          });
        }
        this.retries++;
        // Anything up to the bound, so that two who were throttled together do not return together.
        await this.options.sleep(
          this.options.random() *
            Math.min(LONGEST_WAIT_MILLISECONDS, FIRST_WAIT_MILLISECONDS * 2 ** (attempt - 1)),
        );
      }
    }
  }
}

function isAwsError(error: unknown, name: string, message: RegExp): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.name === name && message.test(cause.message);
}

/** `arn:aws:lambda:us-east-1:111122223333:function:name:7` without its `:7`. */
function withoutVersion(arn: string): string {
  return arn.split(':').slice(0, 7).join(':');
}

/** What was found and done, for a person. */
export function formatEdgeCleanup({ entries, retries }: EdgeCleanup, prefix: string): string {
  if (entries.length === 0)
    return `No function in us-east-1 has a name that begins with ${prefix}.`;
  const width = Math.max(...entries.map(({ functionName }) => functionName.length));
  const lines = entries.map(
    ({ functionName, outcome, reason }) =>
      `${outcome.padEnd(10)}  ${functionName.padEnd(width)}  ${reason}`,
  );
  if (entries.some(({ outcome }) => outcome === 'removable')) {
    lines.push(
      '',
      'Nothing was deleted. Add --delete to delete what is removable; Lambda will keep what still has replicas.',
    );
  }
  if (retries > 0)
    lines.push(
      '',
      retries === 1
        ? 'AWS throttled 1 call, which was made again.'
        : `AWS throttled ${retries} calls, which were made again.`,
    );
  return lines.join('\n');
}
