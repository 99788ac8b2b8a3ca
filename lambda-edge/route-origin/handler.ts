/**
 * Lambda@Edge, origin request: sends reads to the nearest region and writes to the primary one, on paths that both share.
 *
 * It never fails: if the settings cannot be read, or a request is not as expected, the request goes on to the origin of its
 * behaviour and one JSON line says why.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RouteOriginSettings } from '../../lib/edge-settings';
import { chooseOrigin, type OriginRequest } from './route';

interface OriginRequestEvent {
  readonly Records: readonly { readonly cf: { readonly request: OriginRequest } }[];
}

const settings = readSettings();

export async function handler(event: OriginRequestEvent): Promise<OriginRequest | undefined> {
  const request = event?.Records?.[0]?.cf?.request;
  if (settings === undefined || request === undefined) return request;
  try {
    return chooseOrigin(request, settings, Math.floor(Date.now() / 1000));
  } catch (error) {
    report('The request goes to the origin of its behaviour: none could be chosen.', error);
    return request;
  }
}

/** Lambda@Edge has no environment variables: the settings lie beside the code. */
function readSettings(): RouteOriginSettings | undefined {
  try {
    const read = JSON.parse(readFileSync(join(__dirname, 'config.json'), 'utf8')) as RouteOriginSettings;
    if (!Array.isArray(read.paths) || typeof read.readName !== 'string' || typeof read.writeName !== 'string') {
      throw new TypeError('`paths`, `readName` or `writeName` is missing');
    }
    return read;
  } catch (error) {
    report('No origin is chosen: config.json beside the handler cannot be used.', error);
    return undefined;
  }
}

function report(message: string, error: unknown): void {
  console.error(JSON.stringify({ level: 'ERROR', message, error: error instanceof Error ? error.message : String(error) }));
}
