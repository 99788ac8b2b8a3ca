import type { MetricLabels, MetricSample } from './metric';
import type { MetricDefinition } from './names';

/**
 * One metric in Prometheus' text format 0.0.4; nothing for one without samples.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function metricText(
  name: string,
  { type, help }: MetricDefinition,
  samples: readonly Omit<MetricSample, 'name'>[],
): string {
  if (samples.length === 0) return '';
  const lines = [
    `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`,
    `# TYPE ${name} ${type}`,
  ];
  for (const { labels, value, count, buckets } of samples) {
    if (count === undefined) {
      lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
      continue;
    }
    for (const bucket of buckets ?? [])
      lines.push(
        `${name}_bucket${labelText({ ...labels, le: numberText(bucket.atMost) })} ${bucket.count}`,
      );
    lines.push(`${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${count}`);
    lines.push(
      `${name}_sum${labelText(labels)} ${numberText(value)}`,
      `${name}_count${labelText(labels)} ${count}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function labelText(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
