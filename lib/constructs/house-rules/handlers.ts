/**
 * The location of the bundled handlers.
 *
 * The project's build bundles handlers once into `dist/handlers/<name>/`, so that a consumer needs
 * neither a bundler nor Docker. Constructs load them from there. Settings that are only known at
 * synthesis are in `config.json` beside the code, because Lambda@Edge has no environment variables.
 */
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { IsochroneError } from '../../model/errors';

/** The name of the settings file beside a handler. */
export const SETTINGS_FILE = 'config.json';

/**
 * The folder of a handler's code, to be used as an asset.
 *
 * @param name the handler's name: its folder under `lambda-edge/`, or `<name>.handler.ts` in a room
 * @param settings written as `config.json` beside the code, with sorted keys so that equal settings
 * give equal bytes; without settings, there is no such file
 * @throws IsochroneError if the handler was not built
 */
export function handlerDirectory(name: string, settings?: object): string {
  const built = join(packageRoot(), 'dist', 'handlers', name);
  if (!existsSync(join(built, 'index.js'))) {
    throw new IsochroneError(
      `The handler ${JSON.stringify(name)} is not at ${built}.\n` +
        'Handlers are bundled by the build, not at synthesis. ' +
        'In a checkout, run `npm run build:handlers`; in an installed package, reinstall it.',
    );
  }
  if (settings === undefined) return built;
  const withSettings = mkdtempSync(join(tmpdir(), `isochrone-${name}-`));
  removeAtExit(withSettings);
  cpSync(built, withSettings, { recursive: true });
  writeFileSync(join(withSettings, SETTINGS_FILE), `${JSON.stringify(sortKeys(settings))}\n`);
  return withSettings;
}

const temporary: string[] = [];

/** Removes the folder at exit: there is no earlier event after which CDK has surely staged it. */
function removeAtExit(directory: string): void {
  if (temporary.length === 0) {
    process.once('exit', () => {
      for (const path of temporary) rmSync(path, { recursive: true, force: true });
    });
  }
  temporary.push(directory);
}

/**
 * The folder of our package.json: one level up in a checkout (`lib/`), two in an installed package
 * (`dist/lib/`).
 */
function packageRoot(): string {
  let directory = __dirname;
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory)
      throw new IsochroneError(
        `No package.json above ${__dirname}: the package is incomplete. Reinstall it.`,
      );
    directory = parent;
  }
  return directory;
}

/** The same value with the keys of every object sorted. Arrays keep their order. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, entry]) => [key, sortKeys(entry)]),
  );
}
