/**
 * Starts the automation that promotes a region's hub, and follows it to its end. The work is the
 * automation's; it goes on without us.
 */
import { IsochroneError } from '../../model/errors';

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
  /** By `step.output`. */
  readonly outputs: Readonly<Record<string, string>>;
}

/**
 * The calls to AWS, one method each. They fail as AWS does: with an error that has AWS's error code
 * as its name.
 */
export interface PromotionApi {
  /** What the steps of the document say of themselves, by name. */
  descriptions(document: string): Promise<Readonly<Record<string, string>>>;
  /** The token makes a second call with it return the first call's execution. */
  start(
    document: string,
    parameters: Readonly<Record<string, string>>,
    token: string,
  ): Promise<string>;
  execution(id: string): Promise<ExecutionFacts>;
}

export interface PromotionOptions {
  readonly document: string;
  readonly drill: boolean;
  /** Undefined: what the document accepts by itself. */
  readonly acceptedLossSeconds?: number;
  readonly allowUnfenced: boolean;
  /** 36 characters, new for each promotion. */
  readonly token: string;
  /** Called whenever a step has changed its state. */
  readonly onProgress: (steps: readonly StepFacts[]) => void;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** From 0 to 1, as `Math.random`. */
  readonly random: () => number;
}

export type PromotionOutcome =
  | 'drilled'
  | 'promoted'
  | 'promoted unfenced'
  | 'refused'
  | 'stopped halfway';

export interface Promotion {
  readonly id: string;
  readonly outcome: PromotionOutcome;
  readonly execution: ExecutionFacts;
  readonly failed?: { readonly step: string; readonly reason: string; readonly advice: string };
  /** Calls that were made again because AWS throttled them or did not answer. */
  readonly retries: number;
}

/** Nobody watches, but the automation goes on, or may: what it changes is not known. */
export class PromotionOutOfSight extends IsochroneError {}

/** The steps that change something. Once one of them has begun, a failure is no refusal. */
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
/** The states of steps that have not done anything. */
const UNTOUCHED = ['Pending', 'Waiting', 'Skipped'];

const AGAIN = [
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
const ATTEMPTS = 6;
const FIRST_WAIT_MILLISECONDS = 500;
const LONGEST_WAIT_MILLISECONDS = 10_000;
const POLL_MILLISECONDS = 5000;
/** Three hours: approvals are waited for, and a promotion that replays much takes RDS long. */
const POLLS = 2160;

/**
 * Promotes, or drills.
 *
 * @throws IsochroneError if the automation cannot be started
 * @throws PromotionOutOfSight if it cannot be followed; the message says that it goes on
 */
export async function promote(api: PromotionApi, options: PromotionOptions): Promise<Promotion> {
  const calls = new Calls(options);
  const descriptions = await calls.make('ssm:GetDocument', () =>
    api.descriptions(options.document),
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
    {
      timesOut: `It may have begun all the same: look for executions of ${options.document} in the console of Systems Manager, and do not start another one before.`,
    },
  );
  let said = '';
  for (let poll = 0; poll < POLLS; poll++) {
    const execution = await calls.make('ssm:GetAutomationExecution', () => api.execution(id), {
      fails: goesOn(id),
    });
    const state = JSON.stringify(execution.steps.map(({ name, status }) => [name, status]));
    if (state !== said) options.onProgress(execution.steps);
    said = state;
    if (!RUNNING.includes(execution.status))
      return result(id, execution, descriptions, options.drill, calls.retries);
    await options.sleep(POLL_MILLISECONDS);
  }
  throw new PromotionOutOfSight(
    `The automation ${id} has not ended after ${(POLLS * POLL_MILLISECONDS) / 3_600_000} hours.\n${goesOn(id)}`,
  );
}

function goesOn(id: string): string {
  return `The automation itself goes on. Follow it in the console of Systems Manager, or with \`aws ssm get-automation-execution --automation-execution-id ${id}\`; do not start another one before it has ended.`;
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
        'Read the execution in the console of Systems Manager.',
    },
    retries,
  };
}

/** Calls to AWS, again, a bounded number of times, when it throttles or does not answer. */
class Calls {
  public retries = 0;

  constructor(private readonly options: Pick<PromotionOptions, 'sleep' | 'random'>) {}

  /**
   * @param meanwhile what is so although the call fails, or although nobody knows whether it did
   * @throws IsochroneError whose cause is AWS's error
   */
  public async make<T>(
    operation: string,
    call: () => Promise<T>,
    meanwhile: { fails?: string; timesOut?: string } = {},
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        if (error instanceof IsochroneError) throw error;
        const { name, message } =
          error instanceof Error ? error : { name: 'Error', message: String(error) };
        const again =
          AGAIN.includes(name) || AGAIN.includes((error as { code?: string }).code ?? '');
        if (!again || attempt === ATTEMPTS) {
          const times = again ? ` ${ATTEMPTS} times` : '';
          const text = `${operation} failed${times}: ${name}: ${message}`;
          const also = meanwhile.fails ?? (again ? meanwhile.timesOut : undefined);
          if (also !== undefined)
            throw new PromotionOutOfSight(`${text}\n${also}`, { cause: error });
          throw new IsochroneError(text, { cause: error });
        }
        this.retries++;
        await this.options.sleep(
          this.options.random() *
            Math.min(LONGEST_WAIT_MILLISECONDS, FIRST_WAIT_MILLISECONDS * 2 ** (attempt - 1)),
        );
      }
    }
  }
}

/** The steps and their states, for a person. */
export function formatSteps(steps: readonly StepFacts[]): string {
  const width = Math.max(...steps.map(({ name }) => name.length), 0);
  return steps.map(({ name, status }) => `  ${name.padEnd(width)}  ${status}`).join('\n');
}

/** How it ended and what to do, for a person. */
export function formatPromotion({ id, outcome, execution, failed, retries }: Promotion): string {
  const report = execution.outputs['report.Report'];
  const groups = execution.outputs['inspect.OldGroups'];
  const lines: Record<PromotionOutcome, readonly string[]> = {
    drilled: ['The drill found nothing in the way.'],
    promoted: ['Promoted. The old primary is fenced, and the write names lead here.'],
    'promoted unfenced': [
      'Promoted, but the old primary could not be fenced: it may still take writes from its own region, and they are lost.',
      'Run the same command again as soon as that region answers, and before anything is deployed: it fences, and promotes nothing twice.',
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
    ...(retries > 0 ? [`AWS was asked again ${retries === 1 ? 'once' : `${retries} times`}.`] : []),
    `Execution ${id}.`,
  ].join('\n');
}
