import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDeployment, physicalNames } from '../../lib/model/config';
import { IsochroneError } from '../../lib/model/errors';
import {
  formatChanges,
  formatPromotion,
  formatSteps,
  type PromotionApi,
  type PromotionOutcome,
  PromotionStateUnknown,
  promote as promoteRegion,
  promotionChanges,
} from '../../lib/tools/account';
import { print, printError } from '../output';
import { awsClient } from './aws-client';
import { type Command, formatUsage, readOptions } from './command';
import type { Load } from './optional-package';

/** 2: act now. 3: promoted, but run the command again when the old region is back. */
const EXIT_CODES: Record<PromotionOutcome, number> = {
  drilled: 0,
  promoted: 0,
  refused: 1,
  'stopped halfway': 2,
  'promoted unfenced': 3,
};

const PROMOTED =
  'Deploy nothing before the file matches the promotion. ' +
  'Apply all these changes together: `primaryRegion` alone would create an empty primary.\n' +
  'For the order of deployment, see docs/operations/failover.md.';

/**
 * The headings of the changes of the deployment file. After a promotion that stopped halfway, no
 * changes are printed: someone might deploy them although the hub may still be a replica.
 */
const HEADINGS: Partial<Record<PromotionOutcome, string>> = {
  drilled: 'After a promotion, the file would need these changes:',
  promoted: PROMOTED,
  'promoted unfenced': PROMOTED,
};

export const promote: Command = {
  name: 'promote',
  usage: formatUsage({
    synopsis:
      'promote --region R [--drill] [--deployment FILE] [--accept-loss SECONDS] [--allow-unfenced]',
    about:
      'Make the hub of a region the primary, or check with --drill whether that would work. It ' +
      'needs credentials.',
    options: {
      '--region R': 'the region that takes over; required',
      '--drill': 'check only, and change nothing',
      '--deployment FILE': 'the deployment file; deployments/market.yaml by default',
      '--accept-loss SECONDS': 'promote although the commits of the last seconds may be lost',
      '--allow-unfenced': 'promote although the old primary cannot be fenced',
    },
    exitCodes:
      '0 for success, 1 if nothing was changed, 2 if it stopped halfway, or if it may have begun ' +
      'and its state is unknown, 3 if it promoted but the old primary is not fenced.',
  }),

  run: (args) =>
    runPromotion(args, (region, interruption) => promotionApi(region, { interruption })),
};

/** Runs the command with the given AWS. */
export async function runPromotion(
  args: readonly string[],
  api: (region: string, interruption: AbortSignal) => PromotionApi,
): Promise<number> {
  const options = readOptions(args, promote, {
    region: { type: 'string' },
    drill: { type: 'boolean', default: false },
    deployment: { type: 'string', default: 'deployments/market.yaml' },
    'accept-loss': { type: 'string' },
    'allow-unfenced': { type: 'boolean', default: false },
  });
  const { region, deployment: file } = options;
  if (region === undefined)
    throw new IsochroneError(`isochrone: --region is required.\n\n${promote.usage}`);
  const acceptedLossSeconds = wholeSeconds(options['accept-loss']);
  const source = read(file);
  const deployment = parseDeployment(source, file);
  const others = Object.keys(deployment.regions).filter(
    (name) => name !== deployment.primaryRegion,
  );
  if (!others.includes(region)) {
    throw new IsochroneError(
      `--region must be a region of ${file} other than the primary region, ` +
        `got ${JSON.stringify(region)}.\n` +
        (others.length === 0
          ? 'Only a hub can be promoted, and no region has a hub.'
          : `Only a hub can be promoted. Name one of ${others.join(', ')}.`),
    );
  }
  const names = physicalNames(deployment);
  const hub = names.hub(region);
  // Before the promotion: a file that cannot be changed must not hide what became of it.
  const changes = formatChanges(source, promotionChanges(source, { region, hub }), file);
  const promotion = await interruptible((interruption) =>
    promoteRegion(api(region, interruption), {
      region,
      document: names.promotionDocument(region),
      drill: options.drill,
      acceptedLossSeconds,
      allowUnfenced: options['allow-unfenced'],
      token: randomUUID(),
      onProgress: (steps) => print(`${new Date().toISOString()}\n${formatSteps(steps)}`),
      sleep: (milliseconds) =>
        sleep(milliseconds, undefined, { signal: interruption }).catch(() => undefined),
      random: Math.random,
      interruption,
    }),
  ).catch((error: unknown) => {
    if (!(error instanceof PromotionStateUnknown) || options.drill) throw error;
    printError(error.message);
  });
  if (promotion === undefined) return EXIT_CODES['stopped halfway'];
  print(`\n${formatPromotion(promotion)}`);
  const heading = HEADINGS[promotion.outcome];
  if (heading !== undefined) print(`\n${heading}\n${changes}`);
  return EXIT_CODES[promotion.outcome];
}

/**
 * Runs work that SIGINT or SIGTERM interrupts, so that it can say what is known of it. A second
 * signal ends the process at once.
 */
async function interruptible<T>(work: (interruption: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  const interrupt = () => {
    stopListening();
    interruption.abort();
  };
  const stopListening = () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  try {
    return await work(interruption.signal);
  } finally {
    stopListening();
  }
}

function wholeSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new IsochroneError(
    `--accept-loss must be whole seconds, 0 to 999999, got ${JSON.stringify(text)}.\n` +
      'It is how old the last commit of the hub may be. A drill prints how old it is.',
  );
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new IsochroneError(
      `${file}: the deployment file cannot be read (${reason}).\n` +
        'Name an existing file with `--deployment`.',
    );
  }
}

interface AutomationStep {
  readonly StepName: string;
  readonly StepStatus: string;
  readonly FailureMessage?: string;
  readonly Outputs?: Readonly<Record<string, readonly string[]>>;
}

/**
 * AWS through its SDK, in the region that takes over.
 *
 * @throws IsochroneError if the SDK's package is not installed
 */
export function promotionApi(
  region: string,
  { interruption, load }: { readonly interruption?: AbortSignal; readonly load?: Load } = {},
): PromotionApi {
  const call = awsClient({
    command: 'promote',
    packages: ['@aws-sdk/client-ssm'],
    client: 'SSMClient',
    region,
    interruption,
    load,
  });
  return {
    async descriptions(document) {
      const { Content } = await call<{ Content: string }>('GetDocumentCommand', {
        Name: document,
        DocumentFormat: 'JSON',
      });
      const { mainSteps } = JSON.parse(Content) as {
        mainSteps: readonly { name: string; description?: string }[];
      };
      return Object.fromEntries(
        mainSteps.map(({ name, description }) => [name, description ?? '']),
      );
    },
    async start(document, parameters, token) {
      const Parameters = Object.fromEntries(
        Object.entries(parameters).map(([name, value]) => [name, [value]]),
      );
      const input = { DocumentName: document, Parameters, ClientToken: token };
      const { AutomationExecutionId: id } = await call<{ AutomationExecutionId?: string }>(
        'StartAutomationExecutionCommand',
        input,
      );
      if (!id) throw new Error('the answer has no AutomationExecutionId');
      return id;
    },
    async execution(id) {
      const { AutomationExecution: found } = await call<{
        AutomationExecution?: {
          AutomationExecutionStatus?: string;
          FailureMessage?: string;
          StepExecutions?: readonly AutomationStep[];
        };
      }>('GetAutomationExecutionCommand', { AutomationExecutionId: id });
      const status = found?.AutomationExecutionStatus;
      if (!status) throw new Error('the answer has no AutomationExecutionStatus');
      const steps = found.StepExecutions ?? [];
      return {
        status,
        failure: found.FailureMessage,
        steps: steps.map(({ StepName, StepStatus, FailureMessage }) => ({
          name: StepName,
          status: StepStatus,
          failure: FailureMessage,
        })),
        outputs: Object.fromEntries(
          steps.flatMap(({ StepName, Outputs }) =>
            Object.entries(Outputs ?? {}).map(([name, values]) => [
              `${StepName}.${name}`,
              values.join(','),
            ]),
          ),
        ),
      };
    },
  };
}
