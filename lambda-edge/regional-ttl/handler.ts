/**
 * Lambda@Edge, origin response: sets how long the edge and the browser keep a response, by its tier
 * and the part of the world.
 *
 * It never fails. If the settings cannot be read, or a response is malformed, the response
 * continues unchanged and one JSON line says why. The cache policy then bounds its time.
 */
import type { RegionalTtlSettings } from '../../lib/model/contracts';
import { logError, readSettings } from '../settings';
import { applyTtl, type OriginResponse } from './ttl';

interface OriginResponseEvent {
  readonly Records: readonly {
    readonly cf: { readonly request: { readonly uri: string }; readonly response: OriginResponse };
  }[];
}

const settings = readSettings((read: RegionalTtlSettings) => {
  if (!Array.isArray(read.paths) || read.regions === null || typeof read.regions !== 'object') {
    throw new TypeError('`paths` or `regions` is missing');
  }
  return read;
}, 'No TTL is set: config.json beside the handler cannot be used.');

export async function handler(event: OriginResponseEvent): Promise<OriginResponse | undefined> {
  const { request, response } = event?.Records?.[0]?.cf ?? {};
  if (settings === undefined || request === undefined || response === undefined) return response;
  try {
    return applyTtl(response, request, settings, process.env.AWS_REGION);
  } catch (error) {
    logError('The response continues unchanged: its TTL could not be set.', error);
    return response;
  }
}
