import type { Duration } from 'aws-cdk-lib';

/** The settings of the edge function `route-origin`, as its `config.json` has them. */
export interface RouteOriginSettings {
  readonly readName: string;
  readonly writeName: string;
  readonly batchName?: string;
  readonly recentWriterSeconds: number;
  /** In the order of the behaviours, so that the function finds the rule of the behaviour that CloudFront chose. */
  readonly paths: readonly { readonly pattern: string; readonly batch?: readonly { readonly pattern: string }[] }[];
}

/** @param behaviors those that split their methods, in the distribution's order, the default one last under the pattern `*` */
export function routeOriginSettings(
  behaviors: readonly { readonly pathPattern: string; readonly batchPatterns?: readonly string[] }[],
  names: { readonly read: string; readonly write: string; readonly batch?: string },
  recentWriter: Duration,
): RouteOriginSettings {
  return {
    readName: names.read,
    writeName: names.write,
    batchName: names.batch,
    recentWriterSeconds: recentWriter.toSeconds(),
    paths: behaviors.map(({ pathPattern, batchPatterns }) => ({
      pattern: pathPattern,
      batch: batchPatterns?.map((pattern) => ({ pattern })),
    })),
  };
}
