/**
 * A template as a reviewer reads it: YAML, intrinsic functions in short, and without what says
 * nothing. Hashes of assets and code are scrubbed: they change with every line of a handler, and the
 * handler's own difference says more.
 */
import { stringify } from 'yaml';
import type { Template } from '../../lib/tools/assembly/assembly';

const SCRUBBED: readonly [RegExp, string][] = [
  [/\b[a-f0-9]{64}\b/g, '[asset hash]'],
  // A version of a function, and a policy that reads one asset, carry a hash in their logical ID.
  [/(CurrentVersion[A-F0-9]{8})[a-f0-9]{32}/g, '$1[hash]'],
  [/(ReadApplication)[a-f0-9]{8}[A-F0-9]{8}/g, '$1[hash]'],
];

type Json = Readonly<Record<string, unknown>>;

/** The resources, each under its logical ID, and the outputs of a template. */
export function readable(template: Template): string {
  const { Resources, Outputs = {} } = template;
  const entries = Object.entries(Resources)
    .filter(([, { Type }]) => Type !== 'AWS::CDK::Metadata')
    .map(([id, { Type, Metadata: _metadata, Properties = {}, ...rest }]) => [
      id,
      { Type, ...(short({ ...propertiesOf(Type, Properties), ...rest }) as Json) },
    ]);
  const outputs = Object.entries(Outputs)
    // Outputs that CDK writes for other stacks stand where those read them.
    .filter(([name]) => !name.startsWith('PublishOutput'))
    .map(([name, output]) => [name, short((output as { Value: unknown }).Value)]);
  const text = [
    ...entries,
    ...(outputs.length > 0 ? [['Outputs', Object.fromEntries(outputs)]] : []),
  ]
    .map(([id, value]) =>
      stringify(
        { [id as string]: value },
        { lineWidth: 0, flowCollectionPadding: false, aliasDuplicateObjects: false },
      ),
    )
    .join('\n');
  return SCRUBBED.reduce((scrubbed, [pattern, by]) => scrubbed.replace(pattern, by), text);
}

/** Properties without what stands elsewhere or says nothing. */
function propertiesOf(type: string, properties: Json): Json {
  const { Tags: tags, ...rest } = properties;
  const own = Array.isArray(tags) ? tags.filter(({ Key }) => !CDK_TAG.test(Key)) : tags;
  const kept = !Array.isArray(own) || own.length === 0 ? rest : { ...rest, Tags: own };
  if (type === 'AWS::CloudWatch::Dashboard') return { ...kept, DashboardBody: widgets(kept) };
  return 'FunctionCode' in kept ? { ...kept, FunctionCode: '[code]' } : kept;
}

/** Tags that CDK makes of the construct's path. */
const CDK_TAG = /^(Name|aws-cdk:.*)$/;

/** Of a dashboard: its widgets, what each charts and where it draws a line. */
function widgets({ DashboardBody: body }: Json): unknown {
  const parsed = JSON.parse(String(short(body))) as {
    widgets: readonly { type: string; properties: Record<string, unknown> }[];
  };
  return parsed.widgets.map(({ type, properties: { markdown, title, metrics, annotations } }) => {
    if (type === 'text') return markdown;
    const lines = (annotations as { horizontal?: { label: string }[] } | undefined)?.horizontal;
    const series = (metrics as readonly unknown[][] | undefined)?.map(seriesText);
    return { [String(title)]: [...(series ?? []), ...(lines?.map(({ label }) => label) ?? [])] };
  });
}

/** One series of a chart: its label, and the metric or expression behind it. */
function seriesText(metric: readonly unknown[]): string {
  const words = metric.filter((part) => typeof part !== 'object').join(' ');
  const options = metric.find((part) => typeof part === 'object') as Json | undefined;
  const { label, id, expression, stat, period } = options ?? {};
  const figures = [expression ?? words, stat, period && `${period} s`].filter(Boolean).join(', ');
  return `${[label, id && `[${id}]`].filter(Boolean).join(' ')} = ${figures}`;
}

/** A value with its intrinsic functions written as one would say them. */
function short(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(short);
  if (typeof value !== 'object' || value === null) return value;
  const [name, argument] = Object.entries(value)[0] ?? [];
  if (Object.keys(value).length === 1 && name !== undefined) {
    const text = intrinsic(name, argument);
    if (text !== undefined) return text;
  }
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, short(entry)]));
}

function intrinsic(name: string, argument: unknown): string | undefined {
  const parts = argument as readonly unknown[];
  switch (name) {
    case 'Ref':
      return `\${${argument}}`;
    case 'Fn::GetAtt':
      return `\${${typeof argument === 'string' ? argument : parts.join('.')}}`;
    case 'Fn::Join': {
      const [separator, values] = short(argument) as [string, unknown];
      return Array.isArray(values) && values.every((part) => typeof part !== 'object')
        ? values.join(separator)
        : undefined;
    }
    case 'Fn::GetStackOutput': {
      const { StackName, OutputName } = argument as Record<string, unknown>;
      // The name that CDK gives the output: what it is of, and a hash.
      const output = String(OutputName).replace(/^PublishOutput(Ref|FnGetAtt)?|[A-F0-9]{8}$/g, '');
      return `\${${short(StackName)}: ${output}}`;
    }
    case 'Fn::Select':
      return `\${${parts[0]} of ${short(parts[1])}}`;
    case 'Fn::GetAZs':
      return `\${zones of ${short(argument)}}`;
    default:
      return undefined;
  }
}
