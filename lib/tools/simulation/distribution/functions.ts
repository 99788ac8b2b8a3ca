/** Reads the edge functions of a behavior, with the code that the assembly would deploy. */
import { existsSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { IsochroneError } from '../../../model/errors';
import { visible } from '../../../model/visible';
import {
  type Assembly,
  type AssemblyStack,
  entriesBelow,
  leavesByLink,
  listOf,
  objectOf,
  pathInside,
  textOf,
} from '../../assembly';
import type { EdgeEvent, EdgeFunctionModel } from './distribution';
import { flagOf, type Json, type LocatedResource, referredTo } from './values';

/** Lambda's default timeout, which applies if the function sets none: "Quotas on Lambda@Edge". */
const DEFAULT_TIMEOUT_SECONDS = 3;

const EVENTS: readonly string[] = [
  'viewer-request',
  'viewer-response',
  'origin-request',
  'origin-response',
] satisfies EdgeEvent[];

/** @param gap receives a sentence for each function that cannot run in the model */
export function functionsOf(
  assembly: Assembly,
  stack: AssemblyStack,
  behavior: Json,
  gap: (sentence: string) => void,
): Readonly<Partial<Record<EdgeEvent, EdgeFunctionModel>>> {
  const associations = [
    ...listOf(behavior.LambdaFunctionAssociations).map(objectOf),
    ...listOf(behavior.FunctionAssociations).map(objectOf),
  ];
  const found = associations.flatMap((association): [EdgeEvent, EdgeFunctionModel][] => {
    const event = textOf(association.EventType);
    const arn = association.LambdaFunctionARN ?? association.FunctionARN;
    if (!EVENTS.includes(event)) {
      gap(`A function of an unknown event is omitted: ${textOf(arn)} on ${event || 'no event'}.`);
      return [];
    }
    const model =
      association.LambdaFunctionARN === undefined
        ? viewerFunction(assembly, stack, arn)
        : lambdaFunction(assembly, stack, association);
    if (typeof model !== 'string') {
      if (flagOf(association.IncludeBody))
        gap(`The ${event} function ${model.name} runs without the body of the request.`);
      return [[event as EdgeEvent, model]];
    }
    gap(`The ${event} function ${textOf(arn)} does not run: ${model}.`);
    return [];
  });
  return Object.fromEntries(found);
}

/** @returns a reason if the function cannot run in the model */
function viewerFunction(
  assembly: Assembly,
  stack: AssemblyStack,
  arn: unknown,
): EdgeFunctionModel | string {
  const located = referredTo(assembly, stack, arn);
  if (located?.resource.Type !== 'AWS::CloudFront::Function')
    return 'its code is not in the assembly';
  const code = located.resource.Properties?.FunctionCode;
  if (typeof code !== 'string') return 'its code is only known at deployment';
  return { kind: 'cloudfront-function', name: located.logicalId, code };
}

function lambdaFunction(
  assembly: Assembly,
  stack: AssemblyStack,
  association: Json,
): EdgeFunctionModel | string {
  const version = referredTo(assembly, stack, association.LambdaFunctionARN);
  if (version === undefined) return 'its code is not in the assembly';
  const located =
    version.resource.Type === 'AWS::Lambda::Version'
      ? referredTo(assembly, version.stack, version.resource.Properties?.FunctionName)
      : version;
  if (located?.resource.Type !== 'AWS::Lambda::Function') return 'its code is not in the assembly';
  const {
    Runtime: runtime,
    Handler: handler,
    Timeout: timeout,
    Code: code,
  } = located.resource.Properties ?? {};
  if (!textOf(runtime).startsWith('nodejs'))
    return `its runtime is ${textOf(runtime) || 'unknown'}, and the model runs Node.js only`;
  const model = {
    kind: 'lambda-edge',
    name: located.logicalId,
    handler: textOf(handler),
    // A reference is only known at deployment.
    timeoutSeconds: Number(timeout) > 0 ? Number(timeout) : DEFAULT_TIMEOUT_SECONDS,
  } as const;
  const inline = objectOf(code).ZipFile;
  if (typeof inline === 'string') return { ...model, code: inline };
  const directory = assetDirectory(assembly, located);
  return directory === undefined ? 'its asset is not in the assembly' : { ...model, directory };
}

/**
 * Finds the folder of a function's asset. CDK writes its path into the template's metadata,
 * relative to the template or, for stages, to the folder above. If asset metadata is disabled, the
 * folder is named after the S3 key.
 *
 * @throws IsochroneError if the only folder that is named is outside the assembly, or if a symbolic
 * link of the asset leads out of it: the template of a stranger could name any file
 */
function assetDirectory(
  { directory }: Assembly,
  { logicalId, resource }: LocatedResource,
): string | undefined {
  const refuse = (reason: string) =>
    new IsochroneError(
      `The edge function ${visible(logicalId)} cannot be simulated: its asset ${visible(reason)}.\n` +
        'Only files of the assembly are read. Synthesize it with its assets staged, ' +
        'without `--no-staging`.',
    );
  const path = resource.Metadata?.['aws:asset:path'];
  const hash = basename(textOf(objectOf(resource.Properties?.Code).S3Key), '.zip');
  const candidates = [
    ...(typeof path === 'string' ? [path, basename(path.replaceAll('\\', '/'))] : []),
    ...(hash === '' ? [] : [`asset.${hash}`]),
  ];
  let outside: string | undefined;
  for (const candidate of candidates) {
    try {
      const found = pathInside(directory, candidate);
      // The assembly is no asset of itself.
      if (!existsSync(found) || found === resolve(directory)) continue;
      const link = linkOutside(directory, found);
      if (link === undefined) return found;
      throw refuse(
        `has the symbolic link ${JSON.stringify(link)}, which leads out of the assembly`,
      );
    } catch (error) {
      if (error instanceof IsochroneError) throw error;
      outside ??= (error as Error).message;
    }
  }
  if (outside !== undefined) throw refuse(outside);
  return undefined;
}

/** The first symbolic link of a folder that leads out of the assembly. */
function linkOutside(assembly: string, folder: string): string | undefined {
  if (!statSync(folder).isDirectory()) return undefined;
  for (const { path, entry } of entriesBelow(folder))
    if (entry.isSymbolicLink() && leavesByLink(assembly, path)) return path;
  return undefined;
}
