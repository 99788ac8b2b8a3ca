/**
 * CloudFront Functions, viewer request: the same normaliser where Lambda@Edge cannot be.
 *
 * A function has no configuration beside it: the construct puts the settings into the code at
 * synthesis.
 */
import type { CacheKeySettings } from '../../lib/model/contracts';
import { cacheKeyOf } from './normalize';
import { normalizeRequest, type ViewerRequest, type ViewerRequestEvent } from './viewer-request';

/** The construct `ViewerFunction` puts the settings in its place. */
declare const ISOCHRONE_SETTINGS: CacheKeySettings;

const keyOf = cacheKeyOf(ISOCHRONE_SETTINGS);

export function handler(event: ViewerRequestEvent): ViewerRequest {
  normalizeRequest(event.request, keyOf);
  return event.request;
}
