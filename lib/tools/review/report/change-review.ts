/**
 * The review of a change: what `isochrone review` finds, as plain data. The text, the Markdown and
 * the JSON are made from it.
 */
import type { Assembly } from '../../assembly';
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

export type ReviewedResource = Omit<ResourceChange, 'oldResource' | 'newResource'>;

export interface ReviewedStack extends Omit<StackChange, 'pair' | 'resources'> {
  readonly resources: readonly ReviewedResource[];
}

export interface ChangeReview {
  readonly base: string;
  readonly head: string;
  /**
   * Only the stacks with changes or findings, in the order of the head, then those that are gone.
   */
  readonly stacks: readonly ReviewedStack[];
  readonly losses: readonly StatefulLoss[];
  /** The gravest first. */
  readonly findings: readonly Finding[];
  /** Acknowledgements that no loss answers to: misspelt, or no longer needed. */
  readonly unusedAcknowledgements: readonly Acknowledgement[];
  readonly traffic?: TrafficChange;
  /** Whether somebody must decide: a stateful loss that nobody has acknowledged. */
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
