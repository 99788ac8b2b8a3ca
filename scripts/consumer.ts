/**
 * Somebody else's project: a package of ours as it would be published, with the packages that npm
 * would install for it and no others. They are linked from this checkout, so no registry is needed.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT = join(__dirname, '..');
const MODULES = join(ROOT, 'node_modules');
const COMPILER = join(MODULES, '.bin', 'tsc');

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export function manifestOf(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
}

/** The optional peers of a package: npm installs none of them by itself. */
export function optionalPeers({ peerDependenciesMeta = {} }: Manifest): string[] {
  return Object.keys(peerDependenciesMeta).filter((name) => peerDependenciesMeta[name]?.optional);
}

export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  environment: NodeJS.ProcessEnv = {},
): string {
  return execFileSync(command, args, {
    cwd,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** A folder in which packages are installed and programs are compiled and run. */
export class Consumer {
  constructor(readonly directory: string) {
    mkdirSync(join(directory, 'node_modules'), { recursive: true });
    this.write('package.json', '{ "name": "consumer", "private": true }');
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.directory, file), text);
  }

  /**
   * Packs a package of this repository, built before, and installs it with all that it depends on.
   *
   * @returns the files of the archive
   */
  install(source: string): string[] {
    const { name } = manifestOf(source);
    run(
      'npm',
      ['pack', '--silent', '--ignore-scripts', '--pack-destination', this.directory],
      source,
    );
    const archive = readdirSync(this.directory).find((file) => file.startsWith(name));
    if (archive === undefined) throw new Error(`npm pack made no archive of ${name}.`);
    const target = join(this.directory, 'node_modules', name);
    mkdirSync(target, { recursive: true });
    run('tar', ['-xzf', archive, '--strip-components=1', '-C', target], this.directory);
    this.linkDependencies(target);
    return run('tar', ['-tzf', archive], this.directory).trim().split('\n');
  }

  /** Installs a package of the registry, with what it depends on. */
  add(name: string): void {
    const path = join(this.directory, 'node_modules', name);
    if (existsSync(path)) return;
    if (!existsSync(join(MODULES, name))) throw new Error(`${name} is not in this checkout.`);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(join(MODULES, name), path);
    this.linkDependencies(path);
  }

  /** All packages that are installed, ours included. */
  installed(): string[] {
    return readdirSync(join(this.directory, 'node_modules')).flatMap((entry) =>
      entry.startsWith('@')
        ? readdirSync(join(this.directory, 'node_modules', entry)).map((name) => `${entry}/${name}`)
        : [entry],
    );
  }

  /** Bytes of all that is installed but for the packages named. */
  installedBytes(except: readonly string[] = []): number {
    return this.installed()
      .filter((name) => !except.includes(name))
      .reduce(
        (sum, name) => sum + bytesOf(realpathSync(join(this.directory, 'node_modules', name))),
        0,
      );
  }

  compile(files: readonly string[], options: readonly string[] = []): void {
    const settings =
      '--module nodenext --target es2022 --strict --types node --rootDir . --outDir out';
    run(COMPILER, [...settings.split(' '), ...options, ...files], this.directory);
  }

  node(args: readonly string[], environment?: NodeJS.ProcessEnv): string {
    return run('node', args, this.directory, environment);
  }

  private linkDependencies(directory: string): void {
    const manifest = manifestOf(directory);
    const optional = new Set([
      ...optionalPeers(manifest),
      ...Object.keys(manifest.optionalDependencies ?? {}),
    ]);
    const names = Object.keys({
      ...manifest.peerDependencies,
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
    });
    for (const name of names) {
      const isPeer = optionalPeers(manifest).includes(name);
      // A package may bring a version of its own.
      if (isPeer || existsSync(join(directory, 'node_modules', name))) continue;
      if (optional.has(name) && !existsSync(join(MODULES, name))) continue;
      this.add(name);
    }
  }
}

function bytesOf(path: string): number {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, entry) => sum + bytesOf(join(path, entry)), 0);
}
