/**
 * Lambda@Edge, origin response: sets how long the edge and the browser keep an answer, by its tier
 * and the part of the world.
 *
 * It never fails: if the settings cannot be read, or an answer is not as expected, the answer goes
 * on as it came and one JSON line says why. The cache policy then bounds its time.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RegionalTtlSettings } from '../../lib/model/contracts';
import { applyTtl, type OriginResponse } from './ttl';

interface OriginResponseEvent {
  readonly Records: readonly {
    readonly cf: { readonly request: { readonly uri: string }; readonly response: OriginResponse };
  }[];
}

const settings = readSettings();

export async function handler(event: OriginResponseEvent): Promise<OriginResponse | undefined> {
  const { request, response } = event?.Records?.[0]?.cf ?? {};
  if (settings === undefined || request === undefined || response === undefined) return response;
  try {
    return applyTtl(response, request, settings, process.env.AWS_REGION);
  } catch (error) {
    report('The answer goes on as it came: its TTL could not be set.', error);
    return response;
  }
}

/** Lambda@Edge has no environment variables of ours: the settings lie beside the code. */
function readSettings(): RegionalTtlSettings | undefined {
  try {
    const read = JSON.parse(
      readFileSync(join(__dirname, 'config.json'), 'utf8'),
    ) as RegionalTtlSettings;
    if (!Array.isArray(read.paths) || read.regions === null || typeof read.regions !== 'object') {
      throw new TypeError('`paths` or `regions` is missing');
    }
    return read;
  } catch (error) {
    report('No TTL is set: config.json beside the handler cannot be used.', error);
    return undefined;
  }
}

function report(message: string, error: unknown): void {
  console.error(
    JSON.stringify({
      level: 'ERROR',
      message,
      error: error instanceof Error ? error.message : String(error),
    }),
  );
}
