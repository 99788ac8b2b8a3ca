/** An emulator whose server is a process of its own. */
import { type Confined, confine, EdgeCodeStopped, type Limits } from './confinement';
import type { EmulatorJob } from './job';

export interface ConfinedEmulatorOptions extends Omit<EmulatorJob, 'kind'> {
  /** The folder of the assembly, for messages. */
  readonly assembly: string;
  /** @default - those of each limit */
  readonly limits?: Limits;
  /** Receives what edge functions log, and a sentence about each error. */
  readonly onLine: (line: string) => void;
}

/** An emulator that listens. */
export interface ConfinedEmulator {
  readonly port: number;
  /**
   * Resolves when the emulator has ended.
   *
   * @throws EdgeCodeStopped if the edge code ended it, or exceeded a limit
   */
  readonly ended: Promise<void>;
  /** Ends it. Pending responses have 5 seconds. */
  end(): void;
}

/** Milliseconds that pending responses may take at the end. */
export const GRACE_MS = 5_000;

/** Milliseconds after which the process is killed if it has not ended by then. */
const KILL_MS = GRACE_MS + 2_000;

/**
 * Starts an emulator in a process that can do little, because it runs the edge functions of the
 * assembly. The process can read their folders and use the network; it has no environment.
 *
 * @throws IsochroneError if it cannot listen
 */
export async function startEmulator(options: ConfinedEmulatorOptions): Promise<ConfinedEmulator> {
  const { assembly, limits = {}, onLine, ...job } = options;
  let confined: Confined | undefined;
  const listening = new Promise<number>((resolve) => {
    confined = confine(
      { kind: 'emulate', ...job },
      {
        distribution: job.distribution,
        assembly,
        network: true,
        limits,
        onMessage(message) {
          if (message.kind === 'line') onLine(message.text);
          if (message.kind === 'listening') resolve(message.port);
        },
      },
    );
  });
  const { ended, end } = confined as Confined;
  const port = await Promise.race([listening, ended]);
  if (port === undefined)
    throw new EdgeCodeStopped(`The edge code of ${assembly} ended the emulator.`);
  return { port, ended, end: () => end(KILL_MS) };
}
