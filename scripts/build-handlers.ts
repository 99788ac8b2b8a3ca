/**
 * Bundles every handler into `dist/handlers/<name>/index.js`.
 *
 * A handler is `lambda-edge/<name>/handler.ts`, or `<name>.handler.ts` beside its construct in a
 * room; a CloudFront Function is `lambda-edge/<name>/viewer-function.ts`, and becomes
 * `<name>.viewer-function`. Bundles of handlers are CommonJS, minified and without absolute paths:
 * the same sources give the same bytes on every machine, so an asset's hash changes only when its
 * code does.
 *
 * A program is `<name>.program.ts` in a room, and becomes `dist/programs/<name>.js`: one file that a
 * process of its own runs, which may read no other.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { thirdPartyNotices } from './notices';

const ROOT = join(__dirname, '..');
const OUT = join(ROOT, 'dist', 'handlers');
const PROGRAMS = join(ROOT, 'dist', 'programs');

interface Handler {
  readonly name: string;
  readonly entry: string;
}

function findHandlers(): Handler[] {
  const edge = subdirectories(join(ROOT, 'lambda-edge'))
    .map((name) => ({ name, entry: join('lambda-edge', name, 'handler.ts') }))
    .filter(({ entry }) => existsSync(join(ROOT, entry)));
  const beside = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.handler.ts'))
    .map((file) => ({ name: basename(file, '.handler.ts'), entry: join('lib', file) }));
  const handlers = [...edge, ...beside].sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = handlers.find((handler, i) => handlers[i + 1]?.name === handler.name);
  if (twice)
    throw new Error(
      `Two handlers are called ${twice.name}; the second would overwrite the first. Rename one.`,
    );
  return handlers;
}

function findPrograms(): Handler[] {
  return readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.program.ts'))
    .map((file) => ({ name: basename(file, '.program.ts'), entry: join('lib', file) }));
}

function findViewerFunctions(): Handler[] {
  return subdirectories(join(ROOT, 'lambda-edge'))
    .map((name) => ({
      name: `${name}.viewer-function`,
      entry: join('lambda-edge', name, 'viewer-function.ts'),
    }))
    .filter(({ entry }) => existsSync(join(ROOT, entry)));
}

/**
 * A CloudFront Function is a script with a function `handler` at its top level. What its runtime
 * does not know is refused here: ECMAScript 5.1 and the few later features below ("JavaScript
 * runtime 2.0 features for CloudFront Functions", Amazon CloudFront developer guide), and no
 * imports.
 */
async function buildViewerFunction({ name, entry }: Handler): Promise<Metafile> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    metafile: true,
    entryPoints: [entry],
    write: false,
    bundle: true,
    minify: true,
    // The one format without a wrapper; its export is taken off below.
    format: 'esm',
    target: 'es5',
    supported: {
      'const-and-let': true,
      arrow: true,
      'template-literal': true,
      'rest-argument': true,
      'async-await': true,
    },
    external: ['cloudfront'],
    legalComments: 'none',
    logLevel: 'warning',
  });
  const bundle = outputFiles[0]?.text ?? '';
  // The runtime awaits a handler only if it is declared as asynchronous.
  const wrapper = /\basync\b/.test(bundle)
    ? 'async function handler(event){return await $1(event)}\n'
    : 'function handler(event){return $1(event)}\n';
  const script = bundle.replace(/export\{([\w$]+) as handler\};\s*$/, wrapper);
  const withoutRuntime = script.replace(/^import [\w$]+ from"cloudfront";/, '');
  if (script === bundle || /\b(?:import|export|require)\b/.test(withoutRuntime)) {
    throw new Error(
      `${entry} must export a function \`handler\`, and nothing else, and import no module of a runtime but \`cloudfront\`.`,
    );
  }
  const file = join(OUT, name, 'index.js');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, script);
  return metafile;
}

function subdirectories(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** Packages that read a WebAssembly file of their own, which lies beside the code that reads it. */
const WEB_ASSEMBLY = [join('node_modules', 'libpg-query', 'wasm', 'libpg-query.wasm')];

/** Copies such a file beside each bundle that contains the package. */
function copyWebAssembly({ outputs }: Metafile): void {
  for (const [output, { inputs }] of Object.entries(outputs))
    for (const file of WEB_ASSEMBLY)
      if (Object.keys(inputs).some((input) => input.startsWith(`${dirname(file)}/`)))
        copyFileSync(join(ROOT, file), join(ROOT, dirname(output), basename(file)));
}

async function main(): Promise<void> {
  const handlers = findHandlers();
  rmSync(OUT, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    metafile: true,
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
  copyWebAssembly(metafile);
  rmSync(PROGRAMS, { recursive: true, force: true });
  const programs = await build({
    absWorkingDir: ROOT,
    metafile: true,
    entryPoints: findPrograms().map(({ name, entry }) => ({ in: entry, out: name })),
    outdir: PROGRAMS,
    bundle: true,
    minifyWhitespace: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    legalComments: 'none',
    logLevel: 'warning',
  });
  const functions = await Promise.all(findViewerFunctions().map(buildViewerFunction));
  const inputs = [metafile, programs.metafile, ...functions].flatMap((file) =>
    Object.keys(file.inputs),
  );
  writeFileSync(join(ROOT, 'dist', 'THIRD-PARTY-NOTICES'), thirdPartyNotices(ROOT, inputs));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
