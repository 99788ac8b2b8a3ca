/**
 * CloudFront Functions, viewer response, where origins are VPC origins: marks viewers who wrote, as
 * `route-origin` does elsewhere, so that `select-origin` lets them read from the primary region for
 * a while.
 *
 * CloudFront calls it for no answer of 400 or above from the origin. What fails leaves the answer
 * as it is.
 */
import type { MarkWriterSettings } from '../../lib/model/contracts';
import { RECENT_WRITER_COOKIE, recentWriterAttributes, tellsOfWrite } from '../route-origin';

/** The construct `ViewerFunction` puts the settings in its place. */
declare const ISOCHRONE_SETTINGS: MarkWriterSettings;

/** The part of an answer that is read and written here. */
interface ViewerResponse {
  readonly statusCode: number;
  /** From `Set-Cookie`, by name. */
  cookies?: Record<string, { readonly value: string; readonly attributes?: string }>;
}

interface ViewerResponseEvent {
  readonly request: { readonly method: string };
  readonly response: ViewerResponse;
}

const attributes = recentWriterAttributes(ISOCHRONE_SETTINGS.recentWriterSeconds);

export function handler(event: ViewerResponseEvent): ViewerResponse {
  try {
    if (tellsOfWrite(event.request.method, event.response.statusCode)) mark(event.response);
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
