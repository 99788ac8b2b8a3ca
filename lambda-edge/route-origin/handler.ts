/**
 * Lambda@Edge, on paths that reads and writes share. Origin request: sends reads to the nearest
 * region and writes to the primary one. Origin response: marks viewers who wrote, so that they also
 * read from the primary region for a while.
 *
 * It never fails. If the settings cannot be read, or an event is malformed, the request goes to the
 * origin of its behavior, the response continues unchanged, and one JSON line says why.
 */
import type { RouteOriginSettings } from '../../lib/model/contracts';
import { logError, readSettings } from '../settings';
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

const settings = readSettings((read: RouteOriginSettings) => {
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
}, 'No origin is chosen, and no writer marked: config.json beside the handler cannot be used.');

export async function handler(
  event: OriginEvent,
): Promise<OriginRequest | OriginResponse | undefined> {
  const cf = event?.Records?.[0]?.cf;
  return cf?.config?.eventType === 'origin-response'
    ? handleResponse(cf.request, cf.response)
    : handleRequest(cf?.request);
}

function handleRequest(request: OriginRequest | undefined): OriginRequest | undefined {
  if (settings === undefined || request === undefined) return request;
  try {
    return chooseOrigin(request, settings, nowSeconds());
  } catch (error) {
    logError('The request goes to the origin of its behavior: no other could be chosen.', error);
    return request;
  }
}

function handleResponse(
  request: OriginRequest,
  response: OriginResponse | undefined,
): OriginResponse | undefined {
  if (settings === undefined || response === undefined) return response;
  try {
    return markWriter(response, request, settings, nowSeconds());
  } catch (error) {
    logError('The response continues unchanged: its viewer could not be marked.', error);
    return response;
  }
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
