/** A replay in a process of its own. */
import { type LogFormatName, openDescriptor } from '../logs';
import { originRecords, type ReplayOptions, type ReplayReport } from '../replay';
import type { SeededTraceOptions } from '../trace';
import { type Confined, confine, EdgeCodeStopped, type Limits } from './confinement';
import { isReport } from './report-shape';

/** How long a replay may run by default: about 30 million requests. */
export const DEFAULT_REPLAY_MINUTES = 60;

export interface ConfinedReplayOptions
  extends Pick<
    ReplayOptions,
    'assembly' | 'distribution' | 'capacities' | 'cacheControl' | 'originRegion' | 'objectives'
  > {
  /** A file with its format, which is detected by default; or a generated log with its name. */
  readonly log:
    | { readonly file: string; readonly format?: LogFormatName | undefined }
    | { readonly name: string; readonly trace: SeededTraceOptions };
  /** @default - those of each limit */
  readonly limits?: Limits;
  /**
   * Called from time to time with the bytes read and the size of the file.
   *
   * @default - progress is not reported
   */
  readonly onProgress?: ((readBytes: number, allBytes: number) => void) | undefined;
}

/**
 * Replays a log in a process that can do little, because it runs the edge functions of the assembly.
 * The process can read their folders, and has the log open; it has no environment.
 *
 * @throws IsochroneError if the log cannot be read
 * @throws EdgeCodeStopped if the edge code ended the replay, or exceeded a limit; there is no
 * report then
 */
export async function replay(options: ConfinedReplayOptions): Promise<ReplayReport> {
  const { assembly, distribution, log, limits, onProgress, ...rest } = options;
  const source =
    'file' in log ? { file: log.file, format: log.format } : { file: log.name, trace: log.trace };
  let report: ReplayReport | undefined;
  const confined = confine(
    {
      ...{ kind: 'replay', distribution, assembly: originRecords(assembly) },
      ...source,
      ...rest,
    },
    {
      distribution,
      assembly: assembly.directory,
      network: false,
      ...('file' in log && { log: openDescriptor(log.file) }),
      limits: { minutes: DEFAULT_REPLAY_MINUTES, ...limits },
      onMessage(message) {
        if (message.kind === 'alive') onProgress?.(message.readBytes, message.allBytes);
        if (message.kind === 'report' && isReport(message.report)) report = message.report;
      },
    },
  );
  const forget = killBySignal(confined);
  try {
    await confined.ended;
  } finally {
    forget();
  }
  if (report !== undefined) return report;
  throw new EdgeCodeStopped(
    `The edge code of ${assembly.directory} ended the replay before its report. ` +
      'There is no result.',
  );
}

/** A child that blocks would not notice that a signal has ended its parent. */
function killBySignal({ kill }: Confined): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (signal: NodeJS.Signals) => {
    kill();
    for (const each of signals) process.off(each, onSignal);
    process.kill(process.pid, signal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}
