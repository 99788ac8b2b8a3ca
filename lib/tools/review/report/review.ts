/**
 * The review of a change as plain data. The text, the Markdown and the JSON of `isochrone review`
 * are made from it.
 */
import type { Assembly } from '../../assembly';
import type { IgnoredAcknowledgement } from '../acknowledgements';
import { findChanges, joinRenames, type ResourceChange, type StackChange } from '../changes';
import {
  type Acknowledgement,
  concerns,
  exposureFindings,
  type Finding,
  findLosses,
  networkFindings,
  permissionFindings,
  protectionFindings,
  SEVERITIES,
  type StatefulLoss,
} from '../findings';
import type { TrafficChange } from '../traffic';

/** A change of a resource without the two templates, which would bloat the JSON. */
export type ReviewedResource = Omit<ResourceChange, 'oldResource' | 'newResource'>;

export interface ReviewedStack extends Omit<StackChange, 'pair' | 'resources'> {
  readonly resources: readonly ReviewedResource[];
}

export interface ChangeReview {
  /** The folder of the assembly before the change. */
  readonly base: string;
  /** The folder of the assembly after the change. */
  readonly head: string;
  /** The stacks with changes or findings, in the order of the head, then the removed stacks. */
  readonly stacks: readonly ReviewedStack[];
  readonly losses: readonly StatefulLoss[];
  /** Ordered by severity, the highest first. */
  readonly findings: readonly Finding[];
  /** Acknowledgements that match no loss: misspelled, or no longer needed. */
  readonly unusedAcknowledgements: readonly Acknowledgement[];
  /** The commit of the head; only if the acknowledgements come from reviews of a pull request. */
  readonly commit?: string;
  /** Acknowledgements in reviews that do not count; only with `commit`. */
  readonly ignoredAcknowledgements?: readonly IgnoredAcknowledgement[];
  /** Only if a log was replayed. */
  readonly traffic?: TrafficChange;
  /** Whether a stateful loss is not acknowledged. */
  readonly needsDecision: boolean;
}

/**
 * Compares two assemblies of one app.
 *
 * @throws IsochroneError if they have no stack in common
 */
export function reviewChange(
  base: Assembly,
  head: Assembly,
  acknowledgements: readonly Acknowledgement[] = [],
): ChangeReview {
  const changes = joinRenames(findChanges(base, head));
  const losses = findLosses(changes, acknowledgements);
  const findings = [protectionFindings, permissionFindings, networkFindings, exposureFindings]
    .flatMap((find) => find(changes))
    .sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
  return {
    base: base.directory,
    head: head.directory,
    stacks: changes
      .filter(
        ({ action, path }) => action !== 'none' || findings.some(({ stack }) => stack === path),
      )
      .map(({ pair, resources, ...stack }) => ({
        ...stack,
        resources: resources.map(({ oldResource, newResource, ...resource }) => resource),
      })),
    losses,
    findings,
    unusedAcknowledgements: acknowledgements.filter(
      (each) => !losses.some((loss) => concerns(each, loss)),
    ),
    needsDecision: losses.some(({ acknowledged }) => acknowledged === undefined),
  };
}
