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

/**
 * Tests that a handler returns its input unchanged if its settings cannot be used, and logs one
 * line for all events.
 *
 * @param name the handler's folder
 * @param errors the captured lines of the file's tests
 * @param settings unusable settings of this handler, by what they are
 * @param exchanges events, each with what is returned for it
 */
export function testUnusableSettings(
  name: string,
  errors: () => unknown[],
  settings: Readonly<Record<string, string>>,
  exchanges: readonly (readonly [event: unknown, unchanged: unknown])[],
): void {
  const unusable = { missing: undefined, 'not JSON': '{"paths"', null: 'null', ...settings };
  test.each(Object.entries(unusable))(
    'with settings that are %s, changes nothing and logs one line',
    async (_, config) => {
      const handle = bundledHandler(name, config);
      for (const [event, unchanged] of [...exchanges, ...exchanges])
        expect(await handle(event)).toEqual(unchanged);
      expect(errors()).toEqual([
        expect.objectContaining({
          level: 'ERROR',
          message: expect.stringContaining('config.json'),
        }),
      ]);
    },
  );
}
