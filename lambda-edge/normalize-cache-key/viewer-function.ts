/**
 * CloudFront Functions, viewer request: the same normalizer, for distributions that cannot use
 * Lambda@Edge.
 */
import type { CacheKeySettings } from '../../lib/model/contracts';
import { cacheKeyOf } from './normalize';
import { normalizeRequest, type ViewerRequest, type ViewerRequestEvent } from './viewer-request';

/**
 * A placeholder, which the construct `ViewerFunction` replaces with the settings at synthesis,
 * because a CloudFront Function has no configuration.
 */
declare const ISOCHRONE_SETTINGS: CacheKeySettings;

const keyOf = cacheKeyOf(ISOCHRONE_SETTINGS);

export function handler(event: ViewerRequestEvent): ViewerRequest {
  normalizeRequest(event.request, keyOf);
  return event.request;
}
