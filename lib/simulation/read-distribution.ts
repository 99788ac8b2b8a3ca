/** From a synthesized assembly to the distribution that the model runs. */
import type { Assembly } from '../assembly';
import type { DistributionModel } from './distribution';

/**
 * @param id as `DistributionModel.id`, or the end of it such as the logical id; needed where there are several
 * @throws IsochroneError if there is none, or several to choose from, or something in it that is not understood
 */
export function readDistribution(_assembly: Assembly, _id?: string): DistributionModel {
  throw new Error('not yet');
}
