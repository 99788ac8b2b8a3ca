/**
 * CloudFront Functions, viewer request, with VPC origins: normalizes the cache key, and sends reads
 * to the origin of the nearest region. Lambda@Edge could not do that, because VPC origins do not
 * take its origin triggers.
 *
 * If something fails, the request goes to the origin of its behavior, that of the primary region.
 */
import cf from 'cloudfront';
import type { SelectOriginSettings } from '../../lib/model/contracts';
import {
  cacheKeyOf,
  type ViewerRequest as KeyedRequest,
  normalizeRequest,
} from '../normalize-cache-key';
import { isForPrimary, selectRegion, type ViewerRequest } from './select';

/** A placeholder, which the construct `ViewerFunction` replaces with the settings. */
declare const ISOCHRONE_SETTINGS: SelectOriginSettings;

const settings = ISOCHRONE_SETTINGS;
const keyOf = cacheKeyOf(settings);
const switches = cf.kvs();
const switchOf = (region: string): Promise<string> => switches.get(region);

/**
 * The runtime supports neither `await` in arguments nor closures in asynchronous functions:
 * "JavaScript runtime 2.0 features for CloudFront Functions".
 */
export async function handler(event: {
  readonly request: KeyedRequest & ViewerRequest;
}): Promise<KeyedRequest> {
  const request = event.request;
  normalizeRequest(request, keyOf);
  try {
    if (isForPrimary(request, settings, Math.floor(Date.now() / 1000))) return request;
    const region = await selectRegion(edgeRegion(), settings, switchOf);
    if (region !== settings.regions[0]) cf.selectRequestOriginById(region);
  } catch (error) {
    console.log(
      JSON.stringify({
        level: 'ERROR',
        message: 'No origin could be selected.',
        error: String(error),
      }),
    );
  }
  return request;
}

function edgeRegion(): string | undefined {
  return cf.edgeLocation ? cf.edgeLocation.region : undefined;
}
