import type { RuntimeSettings } from '../../model/contracts';
import { describeValue, IsochroneError } from '../../model/errors';
import { optionalPackage } from '../shared';
import { parseSettings } from './document';

/**
 * Reads one parameter of Systems Manager: as much of a client as settings need. Undefined if there
 * is none of this name.
 */
export type ParameterReader = (name: string, signal: AbortSignal) => Promise<string | undefined>;

export interface ReadSettingsOptions {
  /**
   * The name of the parameter.
   *
   * @default the environment variable `ISOCHRONE_SETTINGS`, which the fleets of a deployment have
   */
  readonly parameterName?: string;
  /**
   * The region whose settings they are.
   *
   * @default the environment variable `AWS_REGION`, which the fleets of a deployment have
   */
  readonly region?: string;
  /**
   * How long reading may take, retries of the SDK included, in milliseconds.
   *
   * @default 5000
   */
  readonly timeoutMs?: number;
  /**
   * How the parameter is read.
   *
   * @default `GetParameter` of `@aws-sdk/client-ssm`, which must be installed
   */
  readonly readParameter?: ParameterReader;
}

/**
 * The settings of the region that the application runs in.
 *
 * @throws IsochroneError if the parameter is not named, not there, not to be had in time, or not
 * such a document
 */
export async function readSettings(options: ReadSettingsOptions = {}): Promise<RuntimeSettings> {
  const name = options.parameterName ?? process.env.ISOCHRONE_SETTINGS;
  const region = options.region ?? process.env.AWS_REGION;
  const timeoutMs = options.timeoutMs ?? 5000;
  if (name === undefined || name === '') {
    refuse(
      'parameterName',
      name,
      'the name of a parameter',
      'ISOCHRONE_SETTINGS names it in a fleet.',
      'Give `parameterName`, or set that variable.',
    );
  }
  if (region === undefined || region === '') {
    refuse(
      'region',
      region,
      'a region',
      'AWS_REGION names it in a fleet.',
      'Give `region`, or set that variable.',
    );
  }
  if (!(Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= 600_000)) {
    refuse(
      'timeoutMs',
      timeoutMs,
      'a whole number from 1 to 600000',
      'It is in milliseconds.',
      'Leave it out for 5000.',
    );
  }
  const text = await read(options.readParameter ?? systemsManager(region), name, region, timeoutMs);
  return parseSettings(text, `The parameter ${name} of ${region}`);
}

function refuse(
  property: string,
  value: unknown,
  allowed: string,
  rule: string,
  fix: string,
): never {
  throw new IsochroneError(
    `readSettings: ${property} must be ${allowed}, got ${describeValue(value)}.\n${rule} ${fix}`,
  );
}

async function read(
  readParameter: ParameterReader,
  name: string,
  region: string,
  timeoutMs: number,
): Promise<string> {
  const deadline = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      // A reader that ignores the signal must not hold the application.
      reject(
        failure(
          name,
          region,
          `it took longer than ${timeoutMs} ms`,
          'See that the network leads to Systems Manager, or raise `timeoutMs`.',
        ),
      );
      deadline.abort();
    }, timeoutMs);
  });
  try {
    const text = await Promise.race([readParameter(name, deadline.signal), late]);
    if (text !== undefined) return text;
  } catch (error) {
    if (error instanceof IsochroneError) throw error;
    const { name: kind, message } =
      error instanceof Error ? error : { name: 'Error', message: String(error) };
    const fix = kind.includes('AccessDenied')
      ? 'Allow the role `ssm:GetParameter` on this parameter, as the fleet of a deployment has it.'
      : 'See that credentials are to be had and that the network leads to Systems Manager.';
    throw failure(name, region, `${kind}: ${message}`, fix);
  } finally {
    clearTimeout(timer);
  }
  throw failure(
    name,
    region,
    'there is no such parameter',
    'Deploy `Service` in this region, or correct the name or the region.',
  );
}

function failure(name: string, region: string, why: string, fix: string): IsochroneError {
  return new IsochroneError(
    `readSettings: ${describeValue(name)} must be a parameter that can be read in ${region}, got none: ${why}.\n` +
      `The settings of a region are a parameter of Systems Manager. ${fix}`,
  );
}

/** As much of the SDK's client as is used, so that any version 3 will do. */
interface SsmClient {
  send(
    command: unknown,
    options: { readonly abortSignal: AbortSignal },
  ): Promise<{ readonly Parameter?: { readonly Value?: string } }>;
  destroy(): void;
}

interface SsmPackage {
  readonly SSMClient: new (configuration: { readonly region: string }) => SsmClient;
  readonly GetParameterCommand: new (input: { readonly Name: string }) => unknown;
}

function systemsManager(region: string): ParameterReader {
  return async (Name, abortSignal) => {
    const sdk = optionalPackage(
      '@aws-sdk/client-ssm',
      'readSettings',
      () => require('@aws-sdk/client-ssm') as SsmPackage,
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
