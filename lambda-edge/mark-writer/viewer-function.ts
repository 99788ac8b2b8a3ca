/**
 * CloudFront Functions, viewer response, with VPC origins: marks viewers who wrote, as
 * `route-origin` does for public origins, so that `select-origin` sends their reads to the primary
 * region for a while.
 *
 * CloudFront does not call it for a response of status 400 or above from the origin. If it fails,
 * the response stays as it is.
 */
import type { MarkWriterSettings } from '../../lib/model/contracts';
import { isWrite, RECENT_WRITER_COOKIE, recentWriterAttributes } from '../route-origin';

/** A placeholder, which the construct `ViewerFunction` replaces with the settings. */
declare const ISOCHRONE_SETTINGS: MarkWriterSettings;

/** The part of a response that is read and written here. */
interface ViewerResponse {
  readonly statusCode: number;
  /** The cookies of `Set-Cookie`, by name. */
  cookies?: Record<string, { readonly value: string; readonly attributes?: string }>;
}

interface ViewerResponseEvent {
  readonly request: { readonly method: string };
  readonly response: ViewerResponse;
}

const attributes = recentWriterAttributes(ISOCHRONE_SETTINGS.recentWriterSeconds);

export function handler(event: ViewerResponseEvent): ViewerResponse {
  try {
    if (isWrite(event.request.method, event.response.statusCode)) mark(event.response);
  } catch (error) {
    console.log(
      JSON.stringify({
        level: 'ERROR',
        message: 'Whether the viewer wrote could not be told.',
        error: String(error),
      }),
    );
  }
  return event.response;
}

function mark(response: ViewerResponse): void {
  const cookies = response.cookies ?? {};
  if (cookies[RECENT_WRITER_COOKIE] !== undefined) return;
  cookies[RECENT_WRITER_COOKIE] = {
    value: String(Math.floor(Date.now() / 1000)),
    attributes: attributes,
  };
  response.cookies = cookies;
}
