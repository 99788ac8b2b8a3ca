/**
 * Lambda@Edge, viewer request: normalises what becomes the cache key.
 *
 * It stands before every cached page, so it never fails: if the settings cannot be read, or a
 * request is not as expected, the request goes on as it came and one JSON line says why.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheKeySettings } from '../../lib/model/contracts';
import { normalizeRequest, type ViewerRequest } from './lambda-request';
import { type Asked, type CacheKey, cacheKeyOf } from './normalize';

interface ViewerRequestEvent {
  readonly Records: readonly { readonly cf: { readonly request: ViewerRequest } }[];
}

const keyOf = readSettings();

export async function handler(event: ViewerRequestEvent): Promise<ViewerRequest | undefined> {
  const request = event?.Records?.[0]?.cf?.request;
  if (keyOf === undefined || request === undefined) return request;
  try {
    return normalizeRequest(request, keyOf);
  } catch (error) {
    report('The request goes on as it came: it could not be normalised.', error);
    return request;
  }
}

/** Lambda@Edge has no environment variables: the settings lie beside the code. */
function readSettings(): ((asked: Asked) => CacheKey | undefined) | undefined {
  try {
    return cacheKeyOf(
      JSON.parse(readFileSync(join(__dirname, 'config.json'), 'utf8')) as CacheKeySettings,
    );
  } catch (error) {
    report('No request is normalised: config.json beside the handler cannot be used.', error);
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
