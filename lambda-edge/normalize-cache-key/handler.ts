/**
 * Lambda@Edge, viewer request: normalizes the parts of the cache key.
 *
 * It runs before every cached page, so it never fails. If the settings cannot be read, or a request
 * is malformed, the request continues unchanged and one JSON line says why.
 */
import type { CacheKeySettings } from '../../lib/model/contracts';
import { logError, readSettings } from '../settings';
import { normalizeRequest, type ViewerRequest } from './lambda-request';
import { cacheKeyOf } from './normalize';

interface ViewerRequestEvent {
  readonly Records: readonly { readonly cf: { readonly request: ViewerRequest } }[];
}

const keyOf = readSettings(
  (settings: CacheKeySettings) => cacheKeyOf(settings),
  'No request is normalized: config.json beside the handler cannot be used.',
);

export async function handler(event: ViewerRequestEvent): Promise<ViewerRequest | undefined> {
  const request = event?.Records?.[0]?.cf?.request;
  if (keyOf === undefined || request === undefined) return request;
  try {
    return normalizeRequest(request, keyOf);
  } catch (error) {
    logError('The request continues unchanged: it could not be normalized.', error);
    return request;
  }
}
