/**
 * How a hub becomes the primary, as a machine without hands: the steps, what each needs, and where
 * each leads when it succeeds or fails. The automation document is generated from it, and the drill
 * on real servers walks it; neither has an order of its own.
 */

/** What is known while the plan is walked. A step adds to it; a choice reads it. */
export interface PromotionFacts {
  /** Whether this is a drill: nothing is changed. */
  readonly drill: boolean;
  /**
   * Whether the hub still follows a source. False when the plan is walked a second time, to finish
   * what the first one began.
   */
  readonly following: boolean;
  /** What became of the old primary. */
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

/** Something that is done. */
export interface PromotionStep {
  readonly name: PromotionStepName;
  /** What it does, as a sentence. */
  readonly does: string;
  /** Whether it changes anything that outlives it. */
  readonly changes: boolean;
  /** The state in which a failure leaves things, and what to do about it. */
  readonly ifItFails: string;
  /** Steps that must have succeeded before. */
  readonly after: readonly PromotionStepName[];
  readonly next: Next;
}

/** Where the plan forks. */
export interface PromotionChoice {
  readonly name: PromotionChoiceName;
  readonly fact: keyof PromotionFacts;
  readonly equals: PromotionFacts[keyof PromotionFacts];
  readonly yes: Next;
  readonly no: Next;
}

/**
 * A failure of any step ends the plan: none is skipped, because each protects the next. What may be
 * missing, such as an old primary that nobody can reach, is a fact and a choice.
 *
 * Fencing comes before the promotion, not only before the names: what the old primary takes after
 * its last record has reached the hub is lost, and who writes to two primaries finds out days
 * later. Every step can be walked again, so "run it again" is the answer to most failures.
 */
export const PROMOTION_PLAN: readonly (PromotionStep | PromotionChoice)[] = [
  {
    name: 'inspect',
    does: 'Reads what RDS and the hub itself say: source, status, backups, records received and replayed.',
    changes: false,
    ifItFails:
      'Nothing was changed. If the hub does not answer, another region is the better one to promote.',
    after: [],
    next: 'assess',
  },
  {
    name: 'assess',
    does: 'Refuses when more would be lost than was accepted, when the hub could not be a primary, or when a permission is missing.',
    changes: false,
    ifItFails:
      'Nothing was changed. Mend what the message names, or accept the loss that it states.',
    after: ['inspect'],
    next: 'isDrill',
  },
  // Choices lead to the harmless side unless they are sure.
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
    does: 'Moves the old primary into a closed security group and reboots it, which ends the connections that a group does not.',
    changes: true,
    ifItFails:
      'The old primary is as it was, or it takes no writes; the hub still follows it. If its region does not answer, or RDS cannot change or reboot it, run again and allow an unfenced old primary; to go back, give it the security groups that `inspect` has noted.',
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
      'Nobody takes writes: the old primary is fenced, the hub follows it. Run again to wait longer, or give the old primary the security groups that `inspect` has noted.',
    after: ['fence'],
    next: 'promote',
  },
  {
    name: 'promote',
    does: 'Promotes the hub. There is no way back.',
    changes: true,
    ifItFails:
      'The names still lead to the old primary. Read the events of the hub in RDS, then run again: a promoted hub is not promoted twice.',
    after: ['fence'],
    next: 'verify',
  },
  {
    name: 'verify',
    does: 'Waits until the hub is available and out of recovery, and writes a record through a connection of its own.',
    changes: false,
    ifItFails:
      'The hub is promoted, or becoming so, and the names still lead to the old primary. Run again: it goes on from here.',
    after: ['fence'],
    next: 'repoint',
  },
  {
    name: 'repoint',
    does: 'Turns the write names to this region and waits until Route 53 has spread them.',
    changes: true,
    ifItFails:
      'The hub takes writes, and nobody is sent to it. Run again; or change the records by hand, as the runbook shows.',
    after: ['fence', 'verify'],
    next: 'report',
  },
  {
    name: 'report',
    does: 'Says what was found and done, and what the deployment file must say before the next deployment.',
    changes: false,
    ifItFails: 'Everything else is done. Read the outputs of the steps before it.',
    after: ['assess'],
    next: 'end',
  },
];

/**
 * What walking needs: one hand per step. It returns the facts that it has changed, and throws when
 * the step fails.
 */
export type PromotionHands = Readonly<
  Record<
    PromotionStepName,
    (
      facts: PromotionFacts,
    ) => Promise<Partial<Pick<PromotionFacts, 'following' | 'oldPrimary'>> | undefined>
  >
>;

/** How a walk went. */
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
  // Every name is in the plan: its types say so, and a test does.
  return PROMOTION_PLAN.find((node) => node.name === name) as PromotionStep | PromotionChoice;
}

/** Where a choice leads. */
export function chosen(choice: PromotionChoice, facts: PromotionFacts): Next {
  return facts[choice.fact] === choice.equals ? choice.yes : choice.no;
}

/** Walks the plan to its end or to the first step that fails. */
export async function walkPromotion(hands: PromotionHands, drill: boolean): Promise<PromotionWalk> {
  const done: PromotionStepName[] = [];
  let facts: PromotionFacts = { drill, following: true, oldPrimary: 'not asked' };
  let at: Next = 'inspect';
  while (at !== 'end') {
    const node = planNode(at);
    if (isChoice(node)) {
      at = chosen(node, facts);
      continue;
    }
    try {
      const missing = node.after.filter((step) => !done.includes(step));
      if (missing.length > 0) throw new Error(`${node.name} comes after ${missing.join(', ')}.`);
      facts = { ...facts, ...(await hands[node.name](facts)) };
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
