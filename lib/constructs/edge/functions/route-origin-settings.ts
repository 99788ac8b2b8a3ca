import type { Duration } from 'aws-cdk-lib';
import type { RouteOriginSettings } from '../../../model/contracts';

/**
 * @param behaviors those that split their methods, in the distribution's order, the default one
 * last under the pattern `*`
 */
export function routeOriginSettings(
  behaviors: readonly {
    readonly pathPattern: string;
    readonly batchPatterns?: readonly string[];
  }[],
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
