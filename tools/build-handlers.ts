/**
 * Bundles every handler into `dist/handlers/<name>/index.js`.
 *
 * A handler is `lambda-edge/<name>/handler.ts`, or `<name>.handler.ts` beside its construct in a room.
 * Bundles are CommonJS, minified and without absolute paths: the same sources give the same bytes on
 * every machine, so an asset's hash changes only when its code does.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(__dirname, '..');
const OUT = join(ROOT, 'dist', 'handlers');

interface Handler {
  readonly name: string;
  readonly entry: string;
}

function findHandlers(): Handler[] {
  const edge = subdirectories(join(ROOT, 'lambda-edge'))
    .map((name) => ({ name, entry: join('lambda-edge', name, 'handler.ts') }))
    .filter(({ entry }) => existsSync(join(ROOT, entry)));
  const beside = subdirectories(join(ROOT, 'lib')).flatMap((room) =>
    readdirSync(join(ROOT, 'lib', room))
      .filter((file) => file.endsWith('.handler.ts'))
      .map((file) => ({ name: file.slice(0, -'.handler.ts'.length), entry: join('lib', room, file) })),
  );
  const handlers = [...edge, ...beside].sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = handlers.find((handler, i) => handlers[i + 1]?.name === handler.name);
  if (twice) throw new Error(`Two handlers are called ${twice.name}; the second would overwrite the first. Rename one.`);
  return handlers;
}

function subdirectories(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

async function main(): Promise<void> {
  const handlers = findHandlers();
  rmSync(OUT, { recursive: true, force: true });
  await build({
    absWorkingDir: ROOT,
    entryPoints: handlers.map(({ name, entry }) => ({ in: entry, out: join(name, 'index') })),
    outdir: OUT,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    // The oldest runtime that Lambda@Edge and our Lambda functions use.
    target: 'node20',
    // The runtime brings the AWS SDK; the settings are written beside the code at synthesis.
    external: ['@aws-sdk/*', './config.json'],
    legalComments: 'none',
    logLevel: 'warning',
  });
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
