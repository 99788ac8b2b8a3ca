/** Reads the edge functions of a behavior, with the code that the assembly would deploy. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Assembly, type AssemblyStack, listOf, objectOf, textOf } from '../../assembly';
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
    timeoutSeconds: timeout === undefined ? DEFAULT_TIMEOUT_SECONDS : Number(timeout),
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
 */
function assetDirectory(
  { directory }: Assembly,
  { resource }: LocatedResource,
): string | undefined {
  const path = resource.Metadata?.['aws:asset:path'];
  const hash = basename(textOf(objectOf(resource.Properties?.Code).S3Key), '.zip');
  const candidates = [
    ...(typeof path === 'string'
      ? [resolve(directory, path), join(directory, basename(path))]
      : []),
    ...(hash === '' ? [] : [join(directory, `asset.${hash}`)]),
  ];
  return candidates.find((candidate) => existsSync(candidate));
}
