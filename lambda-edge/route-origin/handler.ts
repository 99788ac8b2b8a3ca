/**
 * Lambda@Edge, on paths that reads and writes share. Origin request: sends reads to the nearest
 * region and writes to the primary one. Origin response: marks viewers who wrote, so that for a
 * while they read from there as well.
 *
 * It never fails: if the settings cannot be read, or an event is not as expected, the request goes
 * on to the origin of its behaviour, the answer goes on as it came, and one JSON line says why.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RouteOriginSettings } from '../../lib/model/contracts';
import { markWriter, type OriginResponse } from './mark';
import { chooseOrigin, type OriginRequest } from './route';

interface OriginEvent {
  readonly Records: readonly {
    readonly cf: {
      readonly config: { readonly eventType: string };
      readonly request: OriginRequest;
      /** On origin responses only. */
      readonly response?: OriginResponse;
    };
  }[];
}

const settings = readSettings();

export async function handler(
  event: OriginEvent,
): Promise<OriginRequest | OriginResponse | undefined> {
  const cf = event?.Records?.[0]?.cf;
  return cf?.config?.eventType === 'origin-response'
    ? answered(cf.request, cf.response)
    : sent(cf?.request);
}

function sent(request: OriginRequest | undefined): OriginRequest | undefined {
  if (settings === undefined || request === undefined) return request;
  try {
    return chooseOrigin(request, settings, nowSeconds());
  } catch (error) {
    report('The request goes to the origin of its behaviour: none could be chosen.', error);
    return request;
  }
}

function answered(
  request: OriginRequest,
  response: OriginResponse | undefined,
): OriginResponse | undefined {
  if (settings === undefined || response === undefined) return response;
  try {
    return markWriter(response, request, settings, nowSeconds());
  } catch (error) {
    report('The answer goes on as it came: whether the viewer wrote could not be told.', error);
    return response;
  }
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Lambda@Edge has no environment variables: the settings lie beside the code. */
function readSettings(): RouteOriginSettings | undefined {
  try {
    const read = JSON.parse(
      readFileSync(join(__dirname, 'config.json'), 'utf8'),
    ) as RouteOriginSettings;
    if (
      !Array.isArray(read.paths) ||
      typeof read.readName !== 'string' ||
      typeof read.writeName !== 'string'
    ) {
      throw new TypeError('`paths`, `readName` or `writeName` is missing');
    }
    if (!Number.isInteger(read.recentWriterSeconds))
      throw new TypeError('`recentWriterSeconds` is not a whole number');
    return read;
  } catch (error) {
    report(
      'No origin is chosen, and no writer marked: config.json beside the handler cannot be used.',
      error,
    );
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
