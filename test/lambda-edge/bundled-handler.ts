/**
 * A Lambda@Edge handler as it is deployed: its bundle, made by `npm run build:handlers`, beside its
 * settings.
 */
import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { handlerDirectory } from '../../lib/constructs/house-rules/handlers';

export type Handler = (event: unknown) => Promise<unknown>;

/**
 * Loads a bundle of its own, so that nothing is left of another test's settings.
 *
 * @param name the handler's folder
 * @param config the text of its settings file; without it, there is none
 */
export function bundledHandler(name: string, config?: string): Handler {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-handler-'));
  copyFileSync(join(handlerDirectory(name), 'index.js'), join(directory, 'index.js'));
  if (config !== undefined) writeFileSync(join(directory, 'config.json'), config);
  return require(join(directory, 'index.js')).handler;
}
