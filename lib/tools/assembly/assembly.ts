/**
 * Reads a synthesized assembly from its files: the stacks in the order of the manifest, with their
 * templates. It does not use CDK, so it also reads an assembly of another CDK version.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IsochroneError } from '../../model/errors';

/** A resource of a CloudFormation template. */
export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly DependsOn?: string | readonly string[];
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

/** A CloudFormation template; it has resources even if the file has none. */
export interface Template {
  readonly Resources: Readonly<Record<string, TemplateResource>>;
  readonly Outputs?: Readonly<Record<string, unknown>>;
}

/** A stack of an assembly. */
export interface AssemblyStack {
  /** The path by which `cdk deploy` selects the stack: `market-production/eu-west-1/Database`. */
  readonly path: string;
  /** CloudFormation's name of the stack. */
  readonly stackName: string;
  /** The region; undefined if the credentials decide it at deployment. */
  readonly region: string | undefined;
  /** The paths of the stacks that must be deployed first. */
  readonly dependsOn: readonly string[];
  /**
   * Whether CloudFormation refuses to delete the stack.
   *
   * @default false
   */
  readonly terminationProtection?: boolean;
  readonly template: Template;
}

/** A synthesized assembly. */
export interface Assembly {
  /** The folder that `cdk synth` wrote. */
  readonly directory: string;
  readonly stacks: readonly AssemblyStack[];
}

interface Artifact {
  readonly type: string;
  readonly environment?: string;
  readonly displayName?: string;
  readonly dependencies?: readonly string[];
  readonly properties?: {
    readonly templateFile?: string;
    readonly stackName?: string;
    readonly terminationProtection?: boolean;
    readonly directoryName?: string;
  };
}

/**
 * Reads an assembly with all its stages.
 *
 * @param directory the output folder of `cdk synth`, such as `cdk.out`
 * @throws IsochroneError if the folder is not a complete assembly
 */
export function readAssembly(directory: string): Assembly {
  return { directory, stacks: readStacks(directory, directory) };
}

function readStacks(directory: string, root: string): AssemblyStack[] {
  const { artifacts } = readJson<{ artifacts?: Record<string, Artifact> }>(
    directory,
    'manifest.json',
    root,
  );
  if (artifacts === undefined)
    throw notWhole(root, join(directory, 'manifest.json'), 'it names no artifacts');
  const stacks = Object.entries(artifacts).filter(
    ([, { type }]) => type === 'aws:cloudformation:stack',
  );
  const pathOf = new Map(stacks.map(([id, { displayName }]) => [id, displayName ?? id]));
  const own = stacks.map(([id, artifact]): AssemblyStack => {
    const file = artifact.properties?.templateFile;
    if (file === undefined)
      throw notWhole(root, join(directory, 'manifest.json'), `the stack ${id} has no template`);
    const region = artifact.environment?.split('/').at(-1);
    return {
      path: artifact.displayName ?? id,
      stackName: artifact.properties?.stackName ?? id,
      region: region === 'unknown-region' ? undefined : region,
      dependsOn: (artifact.dependencies ?? []).flatMap(
        (dependency) => pathOf.get(dependency) ?? [],
      ),
      terminationProtection: artifact.properties?.terminationProtection ?? false,
      template: { Resources: {}, ...readJson<Partial<Template>>(directory, file, root) },
    };
  });
  const nested = Object.values(artifacts).flatMap(({ type, properties }) =>
    type === 'cdk:cloud-assembly' && properties?.directoryName
      ? readStacks(join(directory, properties.directoryName), root)
      : [],
  );
  return [...own, ...nested];
}

function readJson<T>(directory: string, file: string, root: string): T {
  const path = join(directory, file);
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (value === null || typeof value !== 'object') throw new Error('it is not an object');
    return value as T;
  } catch (error) {
    throw notWhole(root, path, error instanceof Error ? error.message : String(error));
  }
}

function notWhole(root: string, file: string, reason: string): IsochroneError {
  return new IsochroneError(
    `${root} is not a whole assembly: ${file} cannot be used (${reason}).\n` +
      'Synthesize it with `npx cdk synth`, or name the right folder.',
  );
}
