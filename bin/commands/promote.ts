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
  PromotionOutOfSight,
  promote as promoteRegion,
  promotionChanges,
} from '../../lib/tools/account';
import { type Command, readOptions } from './command';
import { type Load, loadOptional, member, type Sdk } from './optional-package';

/** 2: people must act now. 3: done, and something is left to do when the old region is back. */
const EXIT_CODES: Record<PromotionOutcome, number> = {
  drilled: 0,
  promoted: 0,
  refused: 1,
  'stopped halfway': 2,
  'promoted unfenced': 3,
};

const PROMOTED = `Deploy nothing before the file says what is so now. These lines do, all of them together: \`primaryRegion\` alone makes an empty primary.
docs/operations/failover.md says in which order to deploy then.`;

/**
 * What stands above the lines for the file. Halfway there are none: they would be deployed, and the
 * hub may still be one.
 */
const HEADINGS: Partial<Record<PromotionOutcome, string>> = {
  drilled: 'After a promotion, the file would have to say:',
  promoted: PROMOTED,
  'promoted unfenced': PROMOTED,
};

export const promote: Command = {
  name: 'promote',
  usage: `  promote --region R [--drill] [--deployment FILE] [--accept-loss SECONDS] [--allow-unfenced]
      Make the hub of a region the primary, or try with --drill whether that would work. Needs credentials.
      --region R               the region that takes over; required
      --drill                  only look, and change nothing
      --deployment FILE        the deployment file; deployments/market.yaml by default
      --accept-loss SECONDS    go on although commits of the last seconds may be lost
      --allow-unfenced         go on although the old primary cannot be fenced
      Ends with 0 when all is well, 1 when nothing was changed, 2 when it stopped halfway or out of sight, 3 when the old primary is not fenced.`,

  run: (args) => runPromotion(args, promotionApi),
};

/** As the command, with the AWS that is given. */
export async function runPromotion(
  args: readonly string[],
  api: (region: string) => PromotionApi,
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
      `--region must be a region of ${file} other than the primary one, got ${JSON.stringify(region)}.\n` +
        `Only a hub can be promoted, and ${others.length === 0 ? 'no region has one' : `${others.join(', ')} ${others.length === 1 ? 'has one' : 'have one'}`}. Name one of them.`,
    );
  }
  const names = physicalNames(deployment);
  const promoting = promoteRegion(api(region), {
    document: names.promotionDocument(region),
    drill: options.drill,
    acceptedLossSeconds,
    allowUnfenced: options['allow-unfenced'],
    token: randomUUID(),
    onProgress: (steps) => console.log(`${new Date().toISOString()}\n${formatSteps(steps)}`),
    sleep,
    random: Math.random,
  });
  const promotion = await promoting.catch((error: unknown) => {
    if (!(error instanceof PromotionOutOfSight) || options.drill) throw error;
    console.error(error.message);
  });
  if (promotion === undefined) return EXIT_CODES['stopped halfway'];
  console.log(`\n${formatPromotion(promotion)}`);
  const heading = HEADINGS[promotion.outcome];
  if (heading !== undefined) {
    const hub = names.hub(region);
    console.log(
      `\n${heading}\n${formatChanges(source, promotionChanges(source, { region, hub }), file)}`,
    );
  }
  return EXIT_CODES[promotion.outcome];
}

function wholeSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new IsochroneError(
    `--accept-loss must be whole seconds, 0 to 999999, got ${JSON.stringify(text)}.\n` +
      'It is how old the last commit of the hub may be. A drill says how old it is.',
  );
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new IsochroneError(
      `${file}: the deployment file cannot be read (${reason}).\nName an existing file with \`--deployment\`.`,
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
 * AWS, through its SDK, in the region that takes over.
 *
 * @throws IsochroneError if its package is not installed
 */
export function promotionApi(region: string, load?: Load): PromotionApi {
  const sdk = loadOptional<Sdk>('promote', ['@aws-sdk/client-ssm'], load);
  // Retries are counted by the command, not hidden in the client.
  const client = new (member(sdk, 'SSMClient'))({ region, maxAttempts: 1 }) as {
    send(command: object): Promise<object>;
  };
  const call = async <Output extends object>(command: string, input: object): Promise<Output> =>
    (await client.send(new (member(sdk, command))(input))) as Output;
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
      return (
        await call<{ AutomationExecutionId: string }>('StartAutomationExecutionCommand', input)
      ).AutomationExecutionId;
    },
    async execution(id) {
      const { AutomationExecution: found } = await call<{
        AutomationExecution: {
          AutomationExecutionStatus: string;
          FailureMessage?: string;
          StepExecutions?: readonly AutomationStep[];
        };
      }>('GetAutomationExecutionCommand', { AutomationExecutionId: id });
      const steps = found.StepExecutions ?? [];
      return {
        status: found.AutomationExecutionStatus,
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
