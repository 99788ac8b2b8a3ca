/**
 * Starts the automation that promotes a region's hub, and follows it to its end. The automation
 * runs in AWS and continues even if this process ends.
 */
import { IsochroneError } from '../../model/errors';
import { visible } from '../../model/visible';
import { AwsCalls, CallFailed, type RetryOptions } from './aws-calls';

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

/** Calls to AWS, one per method. A method rejects with the SDK's error, or if an answer lacks data. */
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
  /** The region that takes over, where the automation runs. */
  readonly region: string;
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
  /** Calls that were retried because AWS throttled them, failed or did not answer. */
  readonly retries: number;
}

/** The automation may have begun or still run, but its state is unknown. */
export class PromotionStateUnknown extends IsochroneError {}

/** The steps that change something. After one of them began, a failure is not a refusal. */
export const CHANGING_STEPS: readonly string[] = ['fence', 'promote', 'repoint'];

/**
 * The states in which an execution has ended: "AutomationExecution", AWS Systems Manager API
 * reference. In any other state, including a future one, it runs.
 */
const ENDED = [
  'Success',
  'TimedOut',
  'Cancelled',
  'Failed',
  'Rejected',
  'CompletedWithSuccess',
  'CompletedWithFailure',
  'Exited',
];
/** The states of a step that has changed nothing. */
const UNTOUCHED = ['Pending', 'Waiting', 'Skipped'];

const POLL_MILLISECONDS = 5000;
/** Three hours, for approvals and for a replica that has much to replay. */
const POLLS = 2160;
/** About a minute. A promotion is needed when AWS is not well, and its answers are missed first. */
const POLL_ATTEMPTS = 12;

/**
 * Promotes a hub, or drills its promotion.
 *
 * @throws IsochroneError if nothing was changed, because AWS refused to start the automation
 * @throws PromotionStateUnknown if the automation may have begun and it is unknown how it ended; the
 * message says how to look
 */
export async function promote(api: PromotionApi, options: PromotionOptions): Promise<Promotion> {
  const { document, drill, token } = options;
  const calls = new AwsCalls(options);
  const descriptions = await calls
    .make('ssm:GetDocument', () => api.descriptions(document))
    .catch(unchanged);
  const parameters = {
    Drill: String(drill),
    AllowUnfenced: String(options.allowUnfenced),
    ...(options.acceptedLossSeconds === undefined
      ? {}
      : { AcceptedLossSeconds: String(options.acceptedLossSeconds) }),
  };
  const id = await calls
    .make('ssm:StartAutomationExecution', () => api.start(document, parameters, token))
    .catch((error: unknown) => {
      if (!(error instanceof CallFailed && error.inDoubt)) return unchanged(error);
      throw new PromotionStateUnknown(`${error.message}\n${mayHaveBegun(options)}`, {
        cause: error,
      });
    });
  let reported = '';
  for (let poll = 0; poll < POLLS; poll++) {
    const execution = await calls
      .make('ssm:GetAutomationExecution', () => api.execution(id), POLL_ATTEMPTS)
      .catch((error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        throw new PromotionStateUnknown(`${text}\n${continues(id, options)}`, { cause: error });
      });
    const state = JSON.stringify(execution.steps.map(({ name, status }) => [name, status]));
    if (state !== reported) options.onProgress(execution.steps);
    reported = state;
    if (ENDED.includes(execution.status))
      return result(id, execution, descriptions, drill, calls.retries);
    await options.sleep(POLL_MILLISECONDS);
  }
  const hours = (POLLS * POLL_MILLISECONDS) / 3_600_000;
  throw new PromotionStateUnknown(
    `The automation ${id} has not ended after ${hours} hours.\n${continues(id, options)}`,
  );
}

function unchanged(error: unknown): never {
  const text = error instanceof Error ? error.message : String(error);
  throw new IsochroneError(`${text}\nNothing was changed.`, { cause: error });
}

function mayHaveBegun({ document, drill, region }: PromotionOptions): string {
  return (
    `The ${drill ? 'drill, which changes nothing,' : 'promotion'} may have begun. ` +
    'Look for its execution in the Systems Manager console, or with ' +
    `\`aws ssm describe-automation-executions --region ${region} ` +
    `--filters Key=DocumentNamePrefix,Values=${document}\`; ` +
    'do not start another one before you know.'
  );
}

function continues(id: string, { region }: PromotionOptions): string {
  return (
    'The automation itself continues. Follow it in the Systems Manager console, or with ' +
    `\`aws ssm get-automation-execution --region ${region} --automation-execution-id ${id}\`; ` +
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

/** The steps and their states as text. */
export function formatSteps(steps: readonly StepFacts[]): string {
  const width = Math.max(...steps.map(({ name }) => name.length), 0);
  return steps.map(({ name, status }) => visible(`  ${name.padEnd(width)}  ${status}`)).join('\n');
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
