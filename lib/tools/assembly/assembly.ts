/**
 * Reads a synthesized assembly from its files: the stacks in the order of the manifest, with their
 * templates. It does not use CDK, so it also reads an assembly of another CDK version.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { IsochroneError } from '../../model/errors';
import { visible } from '../../model/visible';
import { pathInside } from './inside';
import { isObject, listOf, objectOf } from './values';

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

/** What the model uses of an artifact. A stranger wrote it, so nothing is known of its values. */
interface Artifact {
  readonly type?: unknown;
  readonly environment?: unknown;
  readonly displayName?: unknown;
  readonly dependencies?: unknown;
  readonly properties: Readonly<Record<string, unknown>>;
}

/**
 * The maximum size of a manifest or a template in bytes. CloudFormation takes templates of 1 MB:
 * "Quotas" in the AWS CloudFormation user guide. Old manifests also have stack traces.
 */
const MAX_BYTES = 64 * 1024 * 1024;

/** The maximum nesting of a file's values, so that reading them cannot exhaust the stack. */
const MAX_DEPTH = 200;

/**
 * Reads an assembly with all its stages.
 *
 * @param directory the output folder of `cdk synth`, such as `cdk.out`
 * @throws IsochroneError if the folder is not a complete assembly, or names a file outside itself
 */
export function readAssembly(directory: string): Assembly {
  return { directory, stacks: readStacks(directory, directory, new Set()) };
}

/** @param read the folders that were read, by their real paths */
function readStacks(directory: string, root: string, read: Set<string>): AssemblyStack[] {
  const manifest = join(directory, 'manifest.json');
  const refuse = (reason: string) => notWhole(root, manifest, reason);
  const { artifacts: named } = readJson(root, manifest);
  if (!isObject(named)) throw refuse('it names no artifacts');
  const real = realpathSync(directory);
  if (read.has(real)) throw refuse('it is part of the assembly twice');
  read.add(real);

  const artifacts = Object.entries(named).map(([id, artifact]): [string, Artifact] => {
    if (!isObject(artifact)) throw refuse(`the artifact ${id} is not an object`);
    return [id, { ...artifact, properties: objectOf(artifact.properties) }];
  });
  const inside = (what: string, path: unknown): string => {
    try {
      return pathInside(root, path, directory);
    } catch (error) {
      throw refuse(`${what}: ${messageOf(error)}`);
    }
  };
  const stacks = artifacts.filter(([, { type }]) => type === 'aws:cloudformation:stack');
  const pathOf = new Map(
    stacks.map(([id, { displayName }]) => [id, given(displayName) ?? id] as const),
  );
  const own = stacks.map(([id, artifact]): AssemblyStack => {
    const { templateFile, stackName, terminationProtection } = artifact.properties;
    if (templateFile === undefined) throw refuse(`the stack ${id} has no template`);
    const file = inside(`the template of the stack ${id}`, templateFile);
    const region = given(artifact.environment)?.split('/').at(-1);
    return {
      path: given(artifact.displayName) ?? id,
      stackName: given(stackName) ?? id,
      region: region === 'unknown-region' ? undefined : region,
      dependsOn: listOf(artifact.dependencies).flatMap(
        (dependency) => pathOf.get(given(dependency) ?? '') ?? [],
      ),
      terminationProtection: terminationProtection === true,
      template: readTemplate(root, file),
    };
  });
  const nested = artifacts.flatMap(([id, { type, properties }]) =>
    type === 'cdk:cloud-assembly' && properties.directoryName !== undefined
      ? readStacks(inside(`the stage ${id}`, properties.directoryName), root, read)
      : [],
  );
  return [...own, ...nested];
}

function readTemplate(root: string, file: string): Template {
  const { Resources: resources = {}, ...sections } = readJson(root, file);
  if (!isObject(resources)) throw notWhole(root, file, 'its resources are not an object');
  const read = Object.entries(resources).map(([id, resource]) => {
    const problem = resourceProblem(id, resource);
    if (problem !== undefined) throw notWhole(root, file, `its resource ${id} ${problem}`);
    return [id, isLoop(id, resource) ? loop(resource) : resource];
  });
  return { ...sections, Resources: Object.fromEntries(read) };
}

/** What keeps a value from being a resource: CloudFormation would refuse it too. */
function resourceProblem(id: string, resource: unknown): string | undefined {
  if (isLoop(id, resource)) return undefined;
  if (!isObject(resource)) return 'is not an object';
  if (typeof resource.Type !== 'string') return 'has no type';
  const scalar = ['Properties', 'Metadata'].find(
    (name) => resource[name] !== undefined && !isObject(resource[name]),
  );
  return scalar && `has ${scalar} that are not an object`;
}

/** A loop is a list: "Fn::ForEach", AWS CloudFormation template reference. */
function isLoop(id: string, resource: unknown): resource is readonly unknown[] {
  return id.startsWith('Fn::ForEach::') && Array.isArray(resource);
}

/** A loop as one resource of its own type, because only CloudFormation unrolls it. */
function loop(items: readonly unknown[]): TemplateResource {
  return { Type: 'Fn::ForEach', Properties: { Loop: items } };
}

function readJson(root: string, file: string): Record<string, unknown> {
  try {
    pathInside(root, file);
    const stats = statSync(file);
    // A pipe or a device might never end.
    if (!stats.isFile()) throw new Error('it is not a file');
    if (stats.size > MAX_BYTES)
      throw new Error(`it has ${stats.size} bytes; ${MAX_BYTES} are allowed`);
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isObject(value)) throw new Error('it is not an object');
    if (isDeeper(value, MAX_DEPTH))
      throw new Error(`it nests values in more than ${MAX_DEPTH} levels`);
    return value;
  } catch (error) {
    throw notWhole(root, file, messageOf(error));
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}

/** A text that the manifest gives. */
function given(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function notWhole(root: string, file: string, reason: string): IsochroneError {
  return new IsochroneError(
    `${visible(root)} is not a whole assembly: ${visible(file)} cannot be used ` +
      `(${visible(reason)}).\n` +
      'Synthesize it with `npx cdk synth`, or name the right folder.',
  );
}
