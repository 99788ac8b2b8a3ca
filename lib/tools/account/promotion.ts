/**
 * Starts the automation that promotes a region's hub, and follows it to its end. The automation
 * runs in AWS and continues even if this process ends.
 */
import { IsochroneError } from '../../model/errors';
import { AwsCalls, type FailedCall, type RetryOptions } from './aws-calls';

/** A step as Systems Manager reports it. */
export interface StepFacts {
  readonly name: string;
  /** `Pending`, `InProgress`, `Waiting`, `Success`, `Failed`, `TimedOut`, `Cancelled`, … */
  readonly status: string;
  readonly failure?: string;
}

/** An execution as Systems Manager reports it. */
export interface ExecutionFacts {
  readonly status: string;
  readonly failure?: string;
  readonly steps: readonly StepFacts[];
  /** Outputs by `step.output`. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** Calls to AWS, one per method. A method rejects with an error whose name is AWS's error code. */
export interface PromotionApi {
  /** The descriptions of the document's steps, by name. */
  descriptions(document: string): Promise<Readonly<Record<string, string>>>;
  /** Starts an execution. A second call with the same token returns the first execution. */
  start(
    document: string,
    parameters: Readonly<Record<string, string>>,
    token: string,
  ): Promise<string>;
  /** The current state of an execution. */
  execution(id: string): Promise<ExecutionFacts>;
}

/** Options of `promote`. */
export interface PromotionOptions extends RetryOptions {
  /** The name of the automation document. */
  readonly document: string;
  /** Whether to check only, and change nothing. */
  readonly drill: boolean;
  /**
   * How old the hub's last commit may be, in seconds.
   *
   * @default - the limit of the document
   */
  readonly acceptedLossSeconds?: number;
  /** Whether to promote although the old primary cannot be fenced. */
  readonly allowUnfenced: boolean;
  /** 36 characters, new for each promotion. */
  readonly token: string;
  /** Called when a step has changed its state. */
  readonly onProgress: (steps: readonly StepFacts[]) => void;
}

/** How an execution ended. */
export type PromotionOutcome =
  | 'drilled'
  | 'promoted'
  | 'promoted unfenced'
  | 'refused'
  | 'stopped halfway';

/** The result of a promotion or drill. */
export interface Promotion {
  /** The id of the execution. */
  readonly id: string;
  readonly outcome: PromotionOutcome;
  readonly execution: ExecutionFacts;
  /** The step that failed, its reason, and what to do. */
  readonly failed?: { readonly step: string; readonly reason: string; readonly advice: string };
  /** Calls that were retried because AWS throttled them or did not answer. */
  readonly retries: number;
}

/** The automation may still run, but its state could not be read. */
export class PromotionStateUnknown extends IsochroneError {}

/** The steps that change something. After one of them began, a failure is not a refusal. */
export const CHANGING_STEPS: readonly string[] = ['fence', 'promote', 'repoint'];

const RUNNING = [
  'Pending',
  'InProgress',
  'Waiting',
  'Cancelling',
  'PendingApproval',
  'Approved',
  'RunbookInProgress',
  'Scheduled',
];
/** The states of a step that has changed nothing. */
const UNTOUCHED = ['Pending', 'Waiting', 'Skipped'];

/** The names and codes of errors that are retried. */
const RETRIED = [
  'ThrottlingException',
  'Throttling',
  'TooManyUpdates',
  'InternalServerError',
  'TimeoutError',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ServiceUnavailable',
  'ETIMEDOUT',
];
const POLL_MILLISECONDS = 5000;
/** Three hours, for approvals and for a replica that has much to replay. */
const POLLS = 2160;

/**
 * Promotes a hub, or drills its promotion.
 *
 * @throws IsochroneError if the automation cannot be started
 * @throws PromotionStateUnknown if it cannot be followed; the message says that it continues
 */
export async function promote(api: PromotionApi, options: PromotionOptions): Promise<Promotion> {
  const calls = new AwsCalls(
    options,
    (name, code = '') => RETRIED.includes(name) || RETRIED.includes(code),
  );
  const descriptions = await calls.make(
    'ssm:GetDocument',
    () => api.descriptions(options.document),
    promotionError({}),
  );
  const parameters = {
    Drill: String(options.drill),
    AllowUnfenced: String(options.allowUnfenced),
    ...(options.acceptedLossSeconds === undefined
      ? {}
      : { AcceptedLossSeconds: String(options.acceptedLossSeconds) }),
  };
  const id = await calls.make(
    'ssm:StartAutomationExecution',
    () => api.start(options.document, parameters, options.token),
    promotionError({
      whenUnanswered:
        'It may have started nevertheless. ' +
        `Look for executions of ${options.document} in the Systems Manager console first, ` +
        'and do not start another one before.',
    }),
  );
  let reported = '';
  for (let poll = 0; poll < POLLS; poll++) {
    const execution = await calls.make(
      'ssm:GetAutomationExecution',
      () => api.execution(id),
      promotionError({ whenFailed: continues(id) }),
    );
    const state = JSON.stringify(execution.steps.map(({ name, status }) => [name, status]));
    if (state !== reported) options.onProgress(execution.steps);
    reported = state;
    if (!RUNNING.includes(execution.status))
      return result(id, execution, descriptions, options.drill, calls.retries);
    await options.sleep(POLL_MILLISECONDS);
  }
  const hours = (POLLS * POLL_MILLISECONDS) / 3_600_000;
  throw new PromotionStateUnknown(
    `The automation ${id} has not ended after ${hours} hours.\n${continues(id)}`,
  );
}

function continues(id: string): string {
  return (
    'The automation itself continues. Follow it in the Systems Manager console, ' +
    `or with \`aws ssm get-automation-execution --automation-execution-id ${id}\`; ` +
    'do not start another one before it has ended.'
  );
}

function result(
  id: string,
  execution: ExecutionFacts,
  descriptions: Readonly<Record<string, string>>,
  drill: boolean,
  retries: number,
): Promotion {
  if (execution.status === 'Success') {
    const unfenced = execution.outputs['fence.OldPrimary'] === 'unreachable';
    return {
      id,
      outcome: drill ? 'drilled' : unfenced ? 'promoted unfenced' : 'promoted',
      execution,
      retries,
    };
  }
  const broken = execution.steps.find(({ status }) =>
    ['Failed', 'TimedOut', 'Cancelled', 'Rejected'].includes(status),
  );
  const begun = execution.steps.some(
    ({ name, status }) => CHANGING_STEPS.includes(name) && !UNTOUCHED.includes(status),
  );
  const step = broken?.name ?? 'the automation';
  return {
    id,
    outcome: begun ? 'stopped halfway' : 'refused',
    execution,
    failed: {
      step,
      reason: broken?.failure ?? execution.failure ?? execution.status,
      advice:
        descriptions[step]?.split('If it fails: ')[1] ??
        'Read the execution in the Systems Manager console.',
    },
    retries,
  };
}

/**
 * Turns a failed call into an error that says what is known of the automation.
 *
 * @param whenFailed what to say although the call failed
 * @param whenUnanswered what to say if AWS may have done it without an answer
 */
function promotionError({ whenFailed, whenUnanswered }: Readonly<Record<string, string>>) {
  return ({ text, cause, retryable }: FailedCall): Error => {
    if (cause instanceof IsochroneError) return cause;
    const advice = whenFailed ?? (retryable ? whenUnanswered : undefined);
    return advice === undefined
      ? new IsochroneError(text, { cause })
      : new PromotionStateUnknown(`${text}\n${advice}`, { cause });
  };
}

/** The steps and their states as text. */
export function formatSteps(steps: readonly StepFacts[]): string {
  const width = Math.max(...steps.map(({ name }) => name.length), 0);
  return steps.map(({ name, status }) => `  ${name.padEnd(width)}  ${status}`).join('\n');
}

/** The outcome and what to do, as text. */
export function formatPromotion({ id, outcome, execution, failed, retries }: Promotion): string {
  const report = execution.outputs['report.Report'];
  const groups = execution.outputs['inspect.OldGroups'];
  const lines: Record<PromotionOutcome, readonly string[]> = {
    drilled: ['The drill found no obstacle.'],
    promoted: ['Promoted. The old primary is fenced, and the write names lead to the new one.'],
    'promoted unfenced': [
      'Promoted, but the old primary is not fenced: ' +
        'it may still take writes from its own region, which are lost.',
      'Run the same command again as soon as that region answers, and before you deploy: ' +
        'it then fences the old primary and does not promote twice.',
    ],
    refused: ['Refused. Nothing was changed.'],
    'stopped halfway': ['Stopped halfway.'],
  };
  return [
    ...lines[outcome],
    ...(failed ? [`${failed.step}: ${failed.reason}`, failed.advice] : []),
    ...(outcome === 'stopped halfway' && groups
      ? [`The old primary's security groups were ${groups}.`]
      : []),
    ...(report ? [report] : []),
    ...(retries > 0
      ? [`Calls to AWS were retried ${retries === 1 ? 'once' : `${retries} times`}.`]
      : []),
    `Execution ${id}.`,
  ].join('\n');
}
