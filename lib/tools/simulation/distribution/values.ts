/**
 * Reads values of a template. A reference that only a deployment resolves is represented by the
 * logical ID.
 */
import {
  type Assembly,
  type AssemblyStack,
  listOf,
  objectOf,
  type TemplateResource,
  textOf,
} from '../../assembly';

export type Json = Readonly<Record<string, unknown>>;

/** A resource and its stack. */
export interface LocatedResource {
  readonly stack: AssemblyStack;
  readonly logicalId: string;
  readonly resource: TemplateResource;
}

export function textsOf(value: unknown): string[] {
  return listOf(value).map(textOf);
}

/** Some tools, such as YAML templates, write the string `"true"`. */
export function flagOf(value: unknown): boolean {
  return value === true || value === 'true';
}

/**
 * The resource that a value refers to: in the same stack, or in another one by an export or by
 * CDK's cross-region parameter reader. Undefined for a literal ARN or ID, and for a resource
 * outside the assembly.
 */
export function referredTo(
  assembly: Assembly,
  stack: AssemblyStack,
  value: unknown,
): LocatedResource | undefined {
  const { Ref: ref, 'Fn::GetAtt': attribute, 'Fn::ImportValue': imported } = objectOf(value);
  if (imported !== undefined) return exported(assembly, textOf(imported));
  const logicalId =
    typeof ref === 'string'
      ? ref
      : attribute === undefined
        ? undefined
        : textOf({ 'Fn::GetAtt': attribute });
  if (logicalId === undefined || !Object.hasOwn(stack.template.Resources, logicalId))
    return undefined;
  const resource = stack.template.Resources[logicalId];
  if (resource === undefined) return undefined;
  if (resource.Type === 'Custom::CrossRegionStringParameterReader')
    return parameter(assembly, textOf(resource.Properties?.ParameterName));
  return { stack, logicalId, resource };
}

function exported(assembly: Assembly, name: string): LocatedResource | undefined {
  for (const stack of assembly.stacks) {
    const output = Object.values(stack.template.Outputs ?? {}).find(
      (each) => textOf(objectOf(objectOf(each).Export).Name) === name,
    );
    if (output !== undefined) return referredTo(assembly, stack, objectOf(output).Value);
  }
  return undefined;
}

/**
 * CDK's `experimental.EdgeFunction` passes a function version to a stack of another region by an
 * SSM parameter.
 */
function parameter(assembly: Assembly, name: string): LocatedResource | undefined {
  for (const stack of assembly.stacks) {
    for (const { Type, Properties } of Object.values(stack.template.Resources)) {
      if (Type === 'AWS::SSM::Parameter' && textOf(Properties?.Name) === name)
        return referredTo(assembly, stack, Properties?.Value);
    }
  }
  return undefined;
}
