/**
 * The shape of a replay's report. The process that made it also ran foreign code, so its report is
 * checked before anything is printed. The figures are as trustworthy as that code.
 */
import { z } from 'zod';
import { MISS_REASONS } from '../messages';
import type { ReplayReport } from '../replay';

const span = z.object({ low: z.number(), high: z.number() });
const slice = z.object({
  requests: z.number(),
  hitPercent: span,
  offloadPercent: span,
  originRequests: span,
  bytes: z.number(),
  originBytes: span,
  latencyMs: z.object({ p50: span, p95: span, p99: span }),
  misses: z.record(z.enum(MISS_REASONS), span),
});
const merged = z.object({ url: z.string(), status: z.number(), bytes: z.number() });

const report = z.object({
  assembly: z.string(),
  distribution: z.string(),
  log: z.object({
    file: z.string(),
    format: z.string(),
    lines: z.number(),
    replayed: z.number(),
    broken: z.number(),
    brokenExamples: z.array(z.object({ line: z.number(), reason: z.string(), text: z.string() })),
    outOfOrder: z.number(),
    from: z.iso.datetime().optional(),
    to: z.iso.datetime().optional(),
  }),
  modelled: z.array(z.string()),
  capacityBytes: z.array(z.number().nullable()),
  total: slice,
  behaviors: z.array(slice.extend({ pathPattern: z.string() })),
  continents: z.array(slice.extend({ continent: z.string() })),
  cells: z.array(slice.extend({ pathPattern: z.string(), continent: z.string() })),
  ceiling: z.object({ rawUrlHitPercent: z.number(), keyHitPercent: z.number() }),
  keySplitters: z.array(
    z.object({
      kind: z.enum(['query', 'header', 'cookie']),
      name: z.string(),
      pathPattern: z.string(),
      requests: z.number(),
      hitsLost: z.number(),
      inKey: z.boolean(),
    }),
  ),
  unsafeMerges: z.array(
    z.object({
      pathPattern: z.string(),
      key: z.string(),
      first: merged,
      second: merged,
      requests: z.number(),
    }),
  ),
  objectives: z.array(
    z.object({
      name: z.enum(['cacheHitPercent', 'p95LatencyMs']),
      target: z.number(),
      actual: span,
      met: z.boolean(),
    }),
  ),
  timeline: z.array(z.object({ at: z.iso.datetime(), requests: z.number(), hitPercent: span })),
  functionErrors: z.array(z.object({ message: z.string(), count: z.number() })),
}) satisfies z.ZodType<ReplayReport>;

export function isReport(value: unknown): value is ReplayReport {
  return report.safeParse(value).success;
}
