/**
 * The promotion of a hub as a state machine; the caller supplies the actions. It defines the steps,
 * their prerequisites, and the next step after success or failure. The automation document is
 * generated from it, and the drill on real servers walks it; neither has an order of its own.
 *
 * The texts of the steps appear in the automation document.
 */

/** The facts known during a walk. A step adds to them; a choice reads them. */
export interface PromotionFacts {
  /** Whether this is a drill: nothing is changed. */
  readonly drill: boolean;
  /**
   * Whether the hub still follows a source. False when a second walk finishes what the first one
   * began.
   */
  readonly following: boolean;
  /** The state of the old primary. */
  readonly oldPrimary: 'not asked' | 'fenced' | 'unreachable';
}

export type PromotionStepName =
  | 'inspect'
  | 'assess'
  | 'approve'
  | 'fence'
  | 'catchUp'
  | 'promote'
  | 'verify'
  | 'repoint'
  | 'report';
export type PromotionChoiceName = 'isDrill' | 'isFollowing' | 'isFenced';
type Next = PromotionStepName | PromotionChoiceName | 'end';

/** An action of the plan. */
export interface PromotionStep {
  readonly name: PromotionStepName;
  /** The action, as a sentence. */
  readonly does: string;
  /** Whether it makes lasting changes. */
  readonly changes: boolean;
  /** The state after a failure, and what to do about it. */
  readonly ifItFails: string;
  /** The steps that must have succeeded before. */
  readonly after: readonly PromotionStepName[];
  readonly next: Next;
}

/** A fork of the plan. */
export interface PromotionChoice {
  readonly name: PromotionChoiceName;
  readonly fact: keyof PromotionFacts;
  readonly equals: PromotionFacts[keyof PromotionFacts];
  readonly yes: Next;
  readonly no: Next;
}

/**
 * The failure of any step ends the plan: no step is skipped, because each protects the next. A
 * condition that may be missing, such as an old primary that can be reached, is a fact and a
 * choice.
 *
 * The fence comes before the promotion, not only before the change of names. Writes that the old
 * primary accepts after its last record has reached the hub are lost, and clients that write to two
 * primaries notice only days later. Every step can be repeated, so "run it again" is the answer to
 * most failures.
 */
export const PROMOTION_PLAN: readonly (PromotionStep | PromotionChoice)[] = [
  {
    name: 'inspect',
    does:
      'Reads what RDS and the hub itself say: source, status, backups, records received and ' +
      'replayed.',
    changes: false,
    ifItFails:
      'Nothing was changed. If the hub does not answer, another region is the better one to ' +
      'promote.',
    after: [],
    next: 'assess',
  },
  {
    name: 'assess',
    does:
      'Refuses when more would be lost than was accepted, when the hub could not be a primary, ' +
      'or when a permission is missing.',
    changes: false,
    ifItFails:
      'Nothing was changed. Mend what the message names, or accept the loss that it states.',
    after: ['inspect'],
    next: 'isDrill',
  },
  // A choice takes the harmless branch unless its fact is certain.
  { name: 'isDrill', fact: 'drill', equals: false, yes: 'approve', no: 'report' },
  {
    name: 'approve',
    does: 'Waits for the approvals that the deployment asks for.',
    changes: false,
    ifItFails: 'Nothing was changed. Nobody approved in time, or somebody refused.',
    after: ['assess'],
    next: 'fence',
  },
  {
    name: 'fence',
    does:
      'Moves the old primary into a closed security group and reboots it, which ends the ' +
      'connections that a group does not.',
    changes: true,
    ifItFails:
      'The old primary is as it was, or it takes no writes; the hub still follows it. If its ' +
      'region does not answer, or RDS cannot change or reboot it, run again and allow an ' +
      'unfenced old primary; to go back, give it the security groups that `inspect` has noted.',
    after: ['assess', 'approve'],
    next: 'isFollowing',
  },
  { name: 'isFollowing', fact: 'following', equals: true, yes: 'isFenced', no: 'verify' },
  { name: 'isFenced', fact: 'oldPrimary', equals: 'unreachable', yes: 'promote', no: 'catchUp' },
  {
    name: 'catchUp',
    does: 'Waits until the hub has replayed all that it received and nothing more arrives.',
    changes: false,
    ifItFails:
      'Nobody takes writes: the old primary is fenced, the hub follows it. Run again to wait ' +
      'longer, or give the old primary the security groups that `inspect` has noted.',
    after: ['fence'],
    next: 'promote',
  },
  {
    name: 'promote',
    does: 'Promotes the hub. There is no way back.',
    changes: true,
    ifItFails:
      'The names still lead to the old primary. Read the events of the hub in RDS, then run ' +
      'again: a promoted hub is not promoted twice.',
    after: ['fence'],
    next: 'verify',
  },
  {
    name: 'verify',
    does:
      'Waits until the hub is available and out of recovery, and writes a record through a ' +
      'connection of its own.',
    changes: false,
    ifItFails:
      'The hub is promoted, or becoming so, and the names still lead to the old primary. Run ' +
      'again: it goes on from here.',
    after: ['fence'],
    next: 'repoint',
  },
  {
    name: 'repoint',
    does: 'Turns the write names to this region and waits until Route 53 has spread them.',
    changes: true,
    ifItFails:
      'The hub takes writes, and nobody is sent to it. Run again; or change the records by hand, ' +
      'as the runbook shows.',
    after: ['fence', 'verify'],
    next: 'report',
  },
  {
    name: 'report',
    does:
      'Says what was found and done, and what the deployment file must say before the next ' +
      'deployment.',
    changes: false,
    ifItFails: 'Everything else is done. Read the outputs of the steps before it.',
    after: ['assess'],
    next: 'end',
  },
];

/**
 * The actions of a walk, one per step. An action returns the facts that it has changed, and throws
 * when the step fails.
 */
export type PromotionActions = Readonly<
  Record<
    PromotionStepName,
    (
      facts: PromotionFacts,
    ) => Promise<Partial<Pick<PromotionFacts, 'following' | 'oldPrimary'>> | undefined>
  >
>;

/** The result of a walk. */
export interface PromotionWalk {
  /** The steps that succeeded, in order. */
  readonly done: readonly PromotionStepName[];
  readonly failed?: {
    readonly step: PromotionStepName;
    readonly error: Error;
    readonly ifItFails: string;
  };
  readonly facts: PromotionFacts;
}

export function isChoice(node: PromotionStep | PromotionChoice): node is PromotionChoice {
  return 'fact' in node;
}

export function planNode(
  name: PromotionStepName | PromotionChoiceName,
): PromotionStep | PromotionChoice {
  // Every name is in the plan, as a test verifies.
  return PROMOTION_PLAN.find((node) => node.name === name) as PromotionStep | PromotionChoice;
}

/** The next node after a choice. */
export function nextAfter(choice: PromotionChoice, facts: PromotionFacts): Next {
  return facts[choice.fact] === choice.equals ? choice.yes : choice.no;
}

/** Walks the plan to its end or to the first failing step. A failure is part of the result. */
export async function walkPromotion(
  actions: PromotionActions,
  drill: boolean,
): Promise<PromotionWalk> {
  const done: PromotionStepName[] = [];
  let facts: PromotionFacts = { drill, following: true, oldPrimary: 'not asked' };
  let at: Next = 'inspect';
  while (at !== 'end') {
    const node = planNode(at);
    if (isChoice(node)) {
      at = nextAfter(node, facts);
      continue;
    }
    try {
      const missing = node.after.filter((step) => !done.includes(step));
      if (missing.length > 0) throw new Error(`${node.name} comes after ${missing.join(', ')}.`);
      facts = { ...facts, ...(await actions[node.name](facts)) };
    } catch (error) {
      const { ifItFails } = node;
      return {
        done,
        failed: {
          step: node.name,
          error: error instanceof Error ? error : new Error(String(error)),
          ifItFails,
        },
        facts,
      };
    }
    done.push(node.name);
    at = node.next;
  }
  return { done, facts };
}
