/**
 * Stateful resources that a change replaces or removes, and what happens to their data. Each needs
 * a decision by name.
 */
import { IsochroneError } from '../../../model/errors';
import type { TemplateResource } from '../../assembly';
import type { ResourceChange, StackChange } from '../changes';

export interface StatefulLoss {
  readonly kind: 'removed' | 'replaced' | 'may-be-replaced' | 'renamed';
  readonly stack: string;
  readonly path: string;
  readonly logicalId: string;
  readonly type: string;
  /** The properties that cause a replacement. */
  readonly replacedBy: readonly string[];
  /** What happens to the data of the old resource. */
  readonly data: 'kept' | 'snapshot' | 'deleted';
  /** What happens, as sentences. */
  readonly message: string;
  /** The reason given for accepting the loss; missing if it is not acknowledged. */
  readonly acknowledged?: string;
}

/**
 * The acceptance of a loss, for this change only: the path of a resource or of anything above it,
 * and the reason.
 */
export interface Acknowledgement {
  readonly path: string;
  readonly reason: string;
}

/**
 * Parses an acknowledgement of the form `PATH=REASON`.
 *
 * @throws IsochroneError if it has another form
 */
export function parseAcknowledgement(value: string): Acknowledgement {
  const [path = '', ...rest] = value.split('=');
  const reason = rest.join('=').trim();
  if (path.trim() === '' || reason === '') {
    throw new IsochroneError(
      `--acknowledge must be PATH=REASON, got ${JSON.stringify(value)}.\n` +
        'The review shows the reason beside the loss. For example: ' +
        '--acknowledge "market-production/eu-west-1/Cache=moving to larger shards, warmed before".',
    );
  }
  return { path: path.trim().replace(/\/$/, ''), reason };
}

/** The losses of a change, with the reason of the first acknowledgement that matches. */
export function findLosses(
  changes: readonly StackChange[],
  acknowledgements: readonly Acknowledgement[],
): StatefulLoss[] {
  return changes.flatMap((stack) =>
    stack.resources.flatMap((change) => {
      const loss = change.stateful ? lossOf(stack, change) : undefined;
      if (loss === undefined) return [];
      const acknowledgement = acknowledgements.find((candidate) => concerns(candidate, loss));
      return [
        acknowledgement === undefined ? loss : { ...loss, acknowledged: acknowledgement.reason },
      ];
    }),
  );
}

/**
 * Whether the acknowledgement names the lost resource, by path or by stack and logical id, or
 * anything above it.
 */
export function concerns({ path }: Acknowledgement, loss: StatefulLoss): boolean {
  return [loss.path, `${loss.stack}/${loss.logicalId}`].some(
    (name) => name === path || name.startsWith(`${path}/`),
  );
}

function lossOf(stack: StackChange, change: ResourceChange): StatefulLoss | undefined {
  const { path, logicalId, type, replacedBy, from } = change;
  const common = { stack: stack.path, path, logicalId, type, replacedBy };
  switch (change.action) {
    case 'remove': {
      const data = outcome(change.oldResource, 'DeletionPolicy');
      const message =
        stack.action === 'remove'
          ? `${STACK_REMOVED} When it is deleted, ${OUTCOMES[data]}.`
          : sentence(OUTCOMES[data]);
      return { ...common, kind: 'removed', data, message };
    }
    case 'rename': {
      const old = from as NonNullable<typeof from>;
      const data = outcome(change.oldResource, 'DeletionPolicy');
      const place = old.stack === stack.path ? '' : ` in ${old.stack}`;
      const message =
        `It was ${old.path} (${old.logicalId}${place}): ` +
        `CloudFormation creates an empty one, and ${OUTCOMES[data]}. ` +
        'Keep the logical id with `overrideLogicalId`, or move the resource with `cdk refactor`.';
      return { ...common, kind: 'renamed', data, message };
    }
    case 'replace':
    case 'may-replace': {
      const data = worse(
        outcome(change.oldResource, 'UpdateReplacePolicy'),
        outcome(change.newResource, 'UpdateReplacePolicy'),
      );
      const kind = change.action === 'replace' ? 'replaced' : 'may-be-replaced';
      const verb = kind === 'replaced' ? 'creates' : 'may create';
      const message =
        `Because of ${replacedBy.join(', ')}, CloudFormation ${verb} a new one without the data; ` +
        `${OUTCOMES[data]}.`;
      return { ...common, kind, data, message };
    }
    default:
      return undefined;
  }
}

const STACK_REMOVED =
  'Its stack is no longer in the app: `cdk deploy` leaves the stack as it is, ' +
  'and no deployment updates it any more.';

const OUTCOMES = {
  kept: 'the old one is retained with its data and its costs, outside of any stack',
  snapshot: 'the old one is deleted after a final snapshot',
  deleted: 'the old one is deleted with its data',
} as const;

function outcome(
  resource: TemplateResource | undefined,
  attribute: 'DeletionPolicy' | 'UpdateReplacePolicy',
): StatefulLoss['data'] {
  const policy = resource?.[attribute];
  if (policy === 'Retain' || policy === 'RetainExceptOnCreate') return 'kept';
  if (policy === 'Snapshot') return 'snapshot';
  if (policy !== undefined || attribute === 'UpdateReplacePolicy') return 'deleted';
  return resource && leavesSnapshot(resource) ? 'snapshot' : 'deleted';
}

/**
 * Whether CloudFormation takes a snapshot of a resource without a deletion policy. It does for RDS
 * clusters and for RDS instances outside of one; it deletes all other resources ("DeletionPolicy
 * attribute", AWS CloudFormation user guide).
 */
export function leavesSnapshot({ Type, Properties }: TemplateResource): boolean {
  return (
    Type === 'AWS::RDS::DBCluster' ||
    (Type === 'AWS::RDS::DBInstance' && Properties?.DBClusterIdentifier === undefined)
  );
}

function worse(a: StatefulLoss['data'], b: StatefulLoss['data']): StatefulLoss['data'] {
  const order = ['deleted', 'snapshot', 'kept'] as const;
  return order.indexOf(a) < order.indexOf(b) ? a : b;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
