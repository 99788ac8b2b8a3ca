/** The settings of the normalizer for deployments/market.yaml. */
import { join } from 'node:path';
import { loadDeployment } from '../../../lib/model/config/load';
import type { CacheKeySettings } from '../../../lib/model/contracts/edge';

export function marketSettings(): CacheKeySettings {
  const { edge } = loadDeployment(join(__dirname, '..', '..', '..', 'deployments', 'market.yaml'));
  const behaviors = [...edge.behaviors, { path: '*', tier: edge.defaultTier }];
  return {
    paths: behaviors.flatMap(({ path, tier: name }) => {
      const tier = edge.tiers[name];
      if (!tier?.cached) return [];
      const { queryParameters: query } = tier;
      return [
        {
          pattern: path,
          query:
            query === 'none'
              ? query
              : query === 'all'
                ? { deny: edge.dropQueryParameters }
                : { allow: query },
          language: tier.varyByLanguage,
          imageFormat: tier.varyByImageFormat,
        },
      ];
    }),
    languages: edge.languages,
  };
}
