/**
 * The settings of a Lambda@Edge function, and its log. Lambda@Edge has no environment variables of
 * ours, so the settings are in a file beside the code.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Reads the settings once, when the function starts.
 *
 * @param prepare checks the settings and makes them ready; it may throw
 * @param failure the line to log if the file cannot be used
 * @returns undefined if the file cannot be used
 */
export function readSettings<Settings, Prepared>(
  prepare: (settings: Settings) => Prepared,
  failure: string,
): Prepared | undefined {
  try {
    return prepare(JSON.parse(readFileSync(join(__dirname, 'config.json'), 'utf8')) as Settings);
  } catch (error) {
    logError(failure, error);
    return undefined;
  }
}

/** Logs one JSON line. */
export function logError(message: string, error: unknown): void {
  console.error(
    JSON.stringify({
      level: 'ERROR',
      message,
      error: error instanceof Error ? error.message : String(error),
    }),
  );
}
