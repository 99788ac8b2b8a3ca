/**
 * A Lambda@Edge handler as it is deployed: its bundle, which `npm run build:handlers` makes, beside
 * its settings.
 */
import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { handlerDirectory } from '../../lib/constructs/house-rules/handlers';

export type Handler = (event: unknown) => Promise<unknown>;

/**
 * Loads a fresh copy of a bundle, so that no settings of another test are left.
 *
 * @param name the handler's folder
 * @param config the text of its settings file; without it, there is no file
 */
export function bundledHandler(name: string, config?: string): Handler {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-handler-'));
  copyFileSync(join(handlerDirectory(name), 'index.js'), join(directory, 'index.js'));
  if (config !== undefined) writeFileSync(join(directory, 'config.json'), config);
  return require(join(directory, 'index.js')).handler;
}

/** Captures `console.error` in each test of a file. Returns the JSON lines of the current test. */
export function capturedErrors(): () => unknown[] {
  let errors: jest.SpyInstance;
  beforeEach(() => {
    errors = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  });
  afterEach(() => {
    errors.mockRestore();
  });
  return () => errors.mock.calls.map(([line]) => JSON.parse(line));
}

/** The one line that a handler logs if its settings cannot be used. */
export const UNUSABLE_SETTINGS = {
  level: 'ERROR',
  message: expect.stringContaining('config.json'),
};
