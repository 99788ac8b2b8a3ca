/**
 * Deletes Lambda@Edge functions that their stacks retained. A stack cannot delete them: CloudFront
 * keeps the replicas for hours after the last distribution stopped using a function, and Lambda
 * refuses until then ("Delete Lambda@Edge functions and replicas", Amazon CloudFront developer
 * guide). No API lists the replicas, so only an attempt shows whether any remain.
 */
import { IsochroneError } from '../../model/errors';
import { visible } from '../../model/visible';
import { AwsCalls, CallFailed, type RetryOptions } from './aws-calls';

/** A page of a listing, and the marker of the next page. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** The part of a function's description by `ListFunctions` that is used here. */
export interface FunctionFacts {
  readonly name: string;
  /** The ARN without a version. */
  readonly arn: string;
  /**
   * Settings of the function that Lambda@Edge does not support, such as environment variables. A
   * function with any of them is not a Lambda@Edge function.
   */
  readonly notAtTheEdge: readonly string[];
}

/**
 * The part of a distribution's description by `ListDistributions` that is used here: the ARNs, with
 * versions, of the functions of all its behaviors.
 */
export interface DistributionFacts {
  readonly id: string;
  readonly functionArns: readonly string[];
}

/** A resource as CloudFormation describes it. */
export interface StackResourceFacts {
  readonly stackName: string;
  readonly physicalId: string | undefined;
  readonly status: string;
}

/** Calls to AWS, one per method. A method rejects with the SDK's error. */
export interface EdgeFunctionsApi {
  listFunctions(marker?: string): Promise<Page<FunctionFacts>>;
  /** The numbered versions and `$LATEST`. */
  listVersions(functionName: string, marker?: string): Promise<Page<string>>;
  listTags(functionArn: string): Promise<Readonly<Record<string, string>>>;
  describeStackResource(stackId: string, logicalId: string): Promise<StackResourceFacts>;
  /** All resources of the stack that now owns the resource with this physical id. */
  describeStackResources(physicalId: string): Promise<readonly StackResourceFacts[]>;
  /** All distributions, including staging distributions. */
  listDistributions(marker?: string): Promise<Page<DistributionFacts>>;
  /** Deletes a function with all its versions. */
  deleteFunction(functionName: string): Promise<void>;
}

/** Options of `cleanUpEdge`. */
export interface EdgeCleanupOptions extends RetryOptions {
  /** The prefix of the names of the functions to consider. */
  readonly prefix: string;
  /** Whether to delete the functions, or only report them. */
  readonly delete: boolean;
}

/** What became of one function, and why. */
export interface EdgeCleanupEntry {
  readonly functionName: string;
  /**
   * `replicated`: Lambda refused, because replicas remain. `failed`: the function still exists.
   * `unknown`: it may be deleted.
   */
  readonly outcome: 'kept' | 'removable' | 'deleted' | 'replicated' | 'failed' | 'unknown';
  readonly reason: string;
}

/** The report of a clean-up. */
export interface EdgeCleanup {
  readonly entries: readonly EdgeCleanupEntry[];
  /** Calls that were retried because AWS throttled them, failed or did not answer. */
  readonly retries: number;
}

/** CloudFormation adds these tags to each resource; a retained resource keeps them. */
const STACK_ID_TAG = 'aws:cloudformation:stack-id';
const LOGICAL_ID_TAG = 'aws:cloudformation:logical-id';

/**
 * The states of a resource that its stack no longer owns. CloudFormation describes a deleted stack
 * for 90 days, with DELETE_SKIPPED for each resource that it retained.
 */
const RELEASED = ['DELETE_SKIPPED', 'DELETE_COMPLETE'];

/**
 * Finds the Lambda@Edge functions that their stacks retained, and deletes them on request.
 *
 * A function is deleted only if all of these conditions hold:
 * - It can be a Lambda@Edge function and has a numbered version.
 * - A stack created it, and no stack owns it any more.
 * - No distribution uses any of its versions.
 *
 * Lambda itself refuses to delete a function with remaining replicas.
 *
 * @throws IsochroneError if the prefix is invalid, or if a listing fails; nothing was deleted then,
 * as the message says
 */
export async function cleanUpEdge(
  api: EdgeFunctionsApi,
  options: EdgeCleanupOptions,
): Promise<EdgeCleanup> {
  if (!/^[a-zA-Z0-9-_]+$/.test(options.prefix)) {
    throw new IsochroneError(
      "--prefix must be the beginning of a function's name, " +
        `got ${JSON.stringify(options.prefix)}.\n` +
        'Without a prefix, functions of other teams would be deleted too. ' +
        'Give the name of the deployment, such as `market-production`.',
    );
  }
  const calls = new AwsCalls(options);
  const { judged, distributions } = await look(api, calls, options.prefix).catch(
    (error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      throw new IsochroneError(`${text}\nNothing was deleted.`, { cause: error });
    },
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
        reason: 'no stack owns it, and no distribution uses it',
      });
    else entries.push(await deleteFunction(name, api, calls));
  }
  return { entries, retries: calls.retries };
}

/** The functions with the prefix, with the reasons to keep them, and all distributions. */
async function look(api: EdgeFunctionsApi, calls: AwsCalls, prefix: string) {
  const functions = (
    await listAll(calls, 'lambda:ListFunctions', (marker) => api.listFunctions(marker))
  ).filter(({ name }) => name.startsWith(prefix));
  const judged: [FunctionFacts, string | undefined][] = [];
  for (const each of functions) judged.push([each, await reasonToKeep(each, api, calls)]);
  // Distributions come last, so that a function that was associated meanwhile is kept.
  const distributions = await listAll(calls, 'cloudfront:ListDistributions', (marker) =>
    api.listDistributions(marker),
  );
  return { judged, distributions };
}

/** Why a function must be kept, apart from distributions; undefined if nothing speaks for it. */
async function reasonToKeep(
  { name, arn, notAtTheEdge }: FunctionFacts,
  api: EdgeFunctionsApi,
  calls: AwsCalls,
): Promise<string | undefined> {
  if (notAtTheEdge.length > 0)
    return `not a Lambda@Edge function: it has ${notAtTheEdge.join(', ')}`;
  const versions = await listAll(calls, 'lambda:ListVersionsByFunction', (marker) =>
    api.listVersions(name, marker),
  );
  if (!versions.some((version) => /^\d+$/.test(version)))
    return 'not a Lambda@Edge function: it has no numbered version';
  const tags = await calls.make('lambda:ListTags', () => api.listTags(arn));
  const stackId = tags[STACK_ID_TAG];
  const logicalId = tags[LOGICAL_ID_TAG];
  if (stackId === undefined || logicalId === undefined) return 'not created by CloudFormation';
  const owner = await owningStack(
    name,
    () => api.describeStackResource(stackId, logicalId),
    () => api.describeStackResources(name),
    calls,
  );
  return owner === undefined ? undefined : `belongs to the stack ${owner}`;
}

/**
 * The stack that owns a function. The tags name the stack that created it, but another stack may
 * have imported it since, which only CloudFormation knows.
 */
async function owningStack(
  name: string,
  inCreator: () => Promise<StackResourceFacts>,
  inAnyStack: () => Promise<readonly StackResourceFacts[]>,
  calls: AwsCalls,
): Promise<string | undefined> {
  const created = await findInStack(calls, 'cloudformation:DescribeStackResource', inCreator);
  const listed = await findInStack(calls, 'cloudformation:DescribeStackResources', inAnyStack);
  return [
    // Without a physical id, it is being created. With another id, the stack has replaced it.
    ...(created && (created.physicalId ?? name) === name ? [created] : []),
    ...(listed ?? []).filter(({ physicalId }) => physicalId === name),
  ].find(({ status }) => !RELEASED.includes(status))?.stackName;
}

async function deleteFunction(
  functionName: string,
  api: EdgeFunctionsApi,
  calls: AwsCalls,
): Promise<EdgeCleanupEntry> {
  try {
    await calls.make('lambda:DeleteFunction', () => api.deleteFunction(functionName));
    return { functionName, outcome: 'deleted', reason: 'with all its versions' };
  } catch (error) {
    if (isAwsError(error, 'ResourceNotFoundException', /./))
      return { functionName, outcome: 'deleted', reason: 'already deleted' };
    if (isAwsError(error, 'InvalidParameterValueException', /replicated function/)) {
      return {
        functionName,
        outcome: 'replicated',
        reason: 'replicas remain; try again in a few hours',
      };
    }
    // The other functions can still be deleted.
    const reason = error instanceof Error ? error.message : String(error);
    return error instanceof CallFailed && error.inDoubt
      ? {
          functionName,
          outcome: 'unknown',
          reason: `it may be deleted; run the command again to see: ${reason}`,
        }
      : { functionName, outcome: 'failed', reason };
  }
}

/** All items of a listing, page by page. */
async function listAll<T>(
  calls: AwsCalls,
  operation: string,
  list: (marker?: string) => Promise<Page<T>>,
): Promise<T[]> {
  const items: T[] = [];
  let marker: string | undefined;
  do {
    const page: Page<T> = await calls.make(operation, () => list(marker));
    items.push(...page.items);
    marker = page.next;
  } while (marker !== undefined);
  return items;
}

/** What CloudFormation returns; undefined if it has no such stack or resource. */
async function findInStack<T>(
  calls: AwsCalls,
  operation: string,
  call: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await calls.make(operation, call);
  } catch (error) {
    if (isAwsError(error, 'ValidationError', /does not exist/)) return undefined;
    throw error;
  }
}

/** Whether the cause of an error is AWS's error of this name. */
function isAwsError(error: unknown, name: string, message: RegExp): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.name === name && message.test(cause.message);
}

/** `arn:aws:lambda:us-east-1:111122223333:function:name:7` without its `:7`. */
function withoutVersion(arn: string): string {
  return arn.split(':').slice(0, 7).join(':');
}

/** The report as text. */
export function formatEdgeCleanup({ entries, retries }: EdgeCleanup, prefix: string): string {
  if (entries.length === 0)
    return `No function in us-east-1 has a name that begins with ${prefix}.`;
  const width = Math.max(...entries.map(({ functionName }) => functionName.length));
  const lines = entries.map(({ functionName, outcome, reason }) =>
    visible(`${outcome.padEnd(10)}  ${functionName.padEnd(width)}  ${reason}`),
  );
  if (entries.some(({ outcome }) => outcome === 'removable')) {
    lines.push(
      '',
      'Nothing was deleted. Add --delete to delete the removable functions; ' +
        'Lambda keeps those with replicas.',
    );
  }
  if (retries > 0)
    lines.push(
      '',
      retries === 1
        ? '1 call to AWS failed and was retried.'
        : `${retries} calls to AWS failed and were retried.`,
    );
  return lines.join('\n');
}
