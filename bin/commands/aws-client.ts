import { IsochroneError } from '../../lib/model/errors';
import { type Load, loadOptional } from './optional-package';

/** A package of the AWS SDK: its client and its commands by name. */
type Sdk = Readonly<Record<string, new (input: object) => object>>;

/** A client of the AWS SDK, and how to reach it. */
export interface AwsClientOptions {
  /** The command that needs the client, for the message about a missing package. */
  readonly command: string;
  /** The package of the client, and the packages that the command needs with it. */
  readonly packages: readonly [string, ...string[]];
  /** The class of the client, such as `LambdaClient`. */
  readonly client: string;
  readonly region: string;
  /**
   * Interrupts a call that is under way.
   *
   * @default - calls are not interrupted
   */
  readonly interruption?: AbortSignal;
  /** @default - `require` */
  readonly load?: Load;
}

/** Makes a call by the name of its command in the SDK. */
export type AwsCall = <Output extends object>(command: string, input: object) => Promise<Output>;

/**
 * The caller retries and counts, so the client must not retry. Without `throwOnRequestTimeout`, the
 * SDK only logs that the time is over, and waits on.
 */
const CONFIG = {
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 5000, requestTimeout: 20_000, throwOnRequestTimeout: true },
};

/**
 * A client of the AWS SDK that gives up a call after 20 seconds and never retries.
 *
 * @throws IsochroneError if the package is not installed, or does not have the client; a call also,
 * if the package does not have its command
 */
export function awsClient(options: AwsClientOptions): AwsCall {
  const { command: user, packages, client: name, region, interruption, load } = options;
  const sdk = loadOptional<Sdk>(user, packages, load);
  const client = new (member(sdk, name))({ region, ...CONFIG }) as {
    send(command: object, options: { readonly abortSignal?: AbortSignal }): Promise<object>;
  };
  return async <Output extends object>(command: string, input: object) =>
    (await client.send(new (member(sdk, command))(input), {
      abortSignal: interruption,
    })) as Output;
}

function member(sdk: Sdk, name: string): new (input: object) => object {
  const found = sdk[name];
  if (found === undefined)
    throw new IsochroneError(
      `The installed AWS SDK has no ${name}.\nUpdate its clients to version 3.`,
    );
  return found;
}
