import type { RuntimeSettings } from '../../model/contracts';
import { describeValue, IsochroneError, invalidOption } from '../../model/errors';
import { TIMED_OUT, withTimeLimit } from '../../model/time-limit';
import { optionalPackage, wholeNumber } from '../shared';
import { parseSettings } from './document';

/** Reads one parameter of Systems Manager; undefined if no parameter has this name. */
export type ParameterReader = (name: string, signal: AbortSignal) => Promise<string | undefined>;

/** Options of `readSettings`. */
export interface ReadSettingsOptions {
  /**
   * The name of the parameter.
   *
   * @default - the environment variable `ISOCHRONE_SETTINGS`, which the fleets of a deployment have
   */
  readonly parameterName?: string;
  /**
   * The region of the settings.
   *
   * @default - the environment variable `AWS_REGION`, which the fleets of a deployment have
   */
  readonly region?: string;
  /**
   * How long reading may take, in milliseconds, 1 to 600,000. It includes the SDK's retries.
   *
   * @default 5000
   */
  readonly timeoutMs?: number;
  /**
   * Reads the parameter.
   *
   * @default - `GetParameter` of `@aws-sdk/client-ssm`, which must be installed
   */
  readonly readParameter?: ParameterReader;
}

/**
 * Reads the settings of the region that the application runs in.
 *
 * @throws IsochroneError if no parameter is named, or if it does not exist, cannot be read in time
 * or is not a valid document
 */
export async function readSettings(options: ReadSettingsOptions = {}): Promise<RuntimeSettings> {
  const name = required(
    'parameterName',
    'the name of a parameter',
    options.parameterName ?? process.env.ISOCHRONE_SETTINGS,
    'ISOCHRONE_SETTINGS',
  );
  const region = required(
    'region',
    'a region',
    options.region ?? process.env.AWS_REGION,
    'AWS_REGION',
  );
  const timeoutMs = options.timeoutMs ?? 5000;
  wholeNumber('timeoutMs', timeoutMs, {
    owner: 'readSettings',
    min: 1,
    max: 600_000,
    rule: 'It is in milliseconds.',
    fix: 'Leave it out for 5000.',
  });
  const text = await read(options.readParameter ?? systemsManager(region), name, region, timeoutMs);
  return parseSettings(text, `The parameter ${name} of ${region}`);
}

/** @throws IsochroneError if neither the option nor the environment variable is a name */
function required(
  property: string,
  allowed: string,
  value: string | undefined,
  variable: string,
): string {
  // Names and ARNs of parameters, and regions. Errors repeat them, so nothing else is let in.
  if (typeof value === 'string' && /^(?!.*:\/\/)[\w.:/-]+$/.test(value)) return value;
  throw invalidOption('readSettings', {
    property,
    value,
    mayBeSecret: true,
    allowed,
    rule: `${variable} names it in a fleet.`,
    fix: `Give \`${property}\`, or set that variable.`,
  });
}

async function read(
  readParameter: ParameterReader,
  name: string,
  region: string,
  timeoutMs: number,
): Promise<string> {
  const abort = new AbortController();
  let text: string | typeof TIMED_OUT | undefined;
  try {
    // The time limit holds even if the reader ignores the signal.
    text = await withTimeLimit(timeoutMs, readParameter(name, abort.signal));
  } catch (error) {
    if (error instanceof IsochroneError) throw error;
    const { name: kind, message } =
      error instanceof Error ? error : { name: 'Error', message: String(error) };
    const fix = kind.includes('AccessDenied')
      ? 'Allow the role `ssm:GetParameter` on this parameter, as the fleet of a deployment has it.'
      : 'Check that there are credentials and that the network reaches Systems Manager.';
    throw failure(name, region, `${kind}: ${message}`, fix);
  }
  if (text === TIMED_OUT) {
    abort.abort();
    throw failure(
      name,
      region,
      `it took longer than ${timeoutMs} ms`,
      'Check that the network reaches Systems Manager, or raise `timeoutMs`.',
    );
  }
  if (text !== undefined) return text;
  throw failure(
    name,
    region,
    'there is no such parameter',
    'Deploy `Service` in this region, or correct the name or the region.',
  );
}

function failure(name: string, region: string, why: string, fix: string): IsochroneError {
  return new IsochroneError(
    `readSettings: ${describeValue(name)} must be a parameter that can be read in ${region}, ` +
      `got none: ${why}.\n` +
      `The settings of a region are a parameter of Systems Manager. ${fix}`,
  );
}

function systemsManager(region: string): ParameterReader {
  return async (Name, abortSignal) => {
    const sdk = optionalPackage(
      '@aws-sdk/client-ssm',
      'readSettings',
      (): typeof import('@aws-sdk/client-ssm') => require('@aws-sdk/client-ssm'),
    );
    const client = new sdk.SSMClient({ region });
    try {
      return (await client.send(new sdk.GetParameterCommand({ Name }), { abortSignal })).Parameter
        ?.Value;
    } catch (error) {
      if (error instanceof Error && error.name === 'ParameterNotFound') return undefined;
      throw error;
    } finally {
      client.destroy();
    }
  };
}
