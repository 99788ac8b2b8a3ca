/**
 * Reads values of a template. A reference that only a deployment resolves is represented by the
 * logical ID.
 */
import type { Assembly, AssemblyStack, TemplateResource } from '../../assembly';

export type Json = Readonly<Record<string, unknown>>;

/** A resource and its stack. */
export interface LocatedResource {
  readonly stack: AssemblyStack;
  readonly logicalId: string;
  readonly resource: TemplateResource;
}

export function object(value: unknown): Json {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Json)
    : {};
}

/** Reads a list, or the `Items` of an object, which CloudFormation uses for some lists. */
export function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const items = object(value).Items;
  return Array.isArray(items) ? items : [];
}

export function texts(value: unknown): string[] {
  return list(value).map(text);
}

/** Some tools, such as YAML templates, write the string `"true"`. */
export function flag(value: unknown): boolean {
  return value === true || value === 'true';
}

/**
 * Reads a string: the logical ID for a reference, the combined parts for an intrinsic function, and
 * the empty string for a missing value.
 */
export function text(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.map(text).find((part) => part !== '') ?? '';
  const [name, argument] = Object.entries(value)[0] ?? [];
  if (name === 'Fn::Join' && Array.isArray(argument))
    return texts(argument[1]).join(text(argument[0]));
  if (name === 'Fn::Sub')
    return text(Array.isArray(argument) ? argument[0] : argument).replace(/\$\{([^}]*)\}/g, '$1');
  if (name === 'Fn::GetAtt' && typeof argument === 'string') return argument.split('.')[0] ?? '';
  if (name === 'Fn::Select' && Array.isArray(argument)) return text(argument[1]);
  if (name === 'Fn::Split' && Array.isArray(argument)) return text(argument[1]);
  return text(argument);
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
  const { Ref: ref, 'Fn::GetAtt': attribute, 'Fn::ImportValue': imported } = object(value);
  if (imported !== undefined) return exported(assembly, text(imported));
  const logicalId =
    typeof ref === 'string'
      ? ref
      : attribute === undefined
        ? undefined
        : text({ 'Fn::GetAtt': attribute });
  const resource = logicalId === undefined ? undefined : stack.template.Resources[logicalId];
  if (logicalId === undefined || resource === undefined) return undefined;
  if (resource.Type === 'Custom::CrossRegionStringParameterReader')
    return parameter(assembly, text(resource.Properties?.ParameterName));
  return { stack, logicalId, resource };
}

function exported(assembly: Assembly, name: string): LocatedResource | undefined {
  for (const stack of assembly.stacks) {
    const output = Object.values(stack.template.Outputs ?? {}).find(
      (each) => text(object(object(each).Export).Name) === name,
    );
    if (output !== undefined) return referredTo(assembly, stack, object(output).Value);
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
      if (Type === 'AWS::SSM::Parameter' && text(Properties?.Name) === name)
        return referredTo(assembly, stack, Properties?.Value);
    }
  }
  return undefined;
}
