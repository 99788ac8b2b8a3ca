/**
 * Stateful resources that a change replaces or removes, and what becomes of their data. Each needs
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
  /** The properties behind a replacement. */
  readonly replacedBy: readonly string[];
  readonly data: 'kept' | 'snapshot' | 'deleted';
  /** What happens, as sentences. */
  readonly message: string;
  /** The reason that somebody gave for accepting it. */
  readonly acknowledged?: string;
}

/**
 * A decision for this one change: the path of a resource, or of anything above it, and why its loss
 * is meant.
 */
export interface Acknowledgement {
  readonly path: string;
  readonly reason: string;
}

/** @throws IsochroneError unless it is `PATH=REASON` */
export function parseAcknowledgement(value: string): Acknowledgement {
  const [path = '', ...rest] = value.split('=');
  const reason = rest.join('=').trim();
  if (path.trim() === '' || reason === '') {
    throw new IsochroneError(
      `--acknowledge must be PATH=REASON, got ${JSON.stringify(value)}.\n` +
        'The reason is shown beside the loss. For example: --acknowledge "market-production/eu-west-1/Cache=moving to larger shards, warmed before".',
    );
  }
  return { path: path.trim().replace(/\/$/, ''), reason };
}

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
 * something above it.
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
      const data = fate(change.oldResource, 'DeletionPolicy');
      const message =
        stack.action === 'remove'
          ? `${STACK_GONE} When it is deleted, ${AFTERWARDS[data]}.`
          : sentence(AFTERWARDS[data]);
      return { ...common, kind: 'removed', data, message };
    }
    case 'rename': {
      const old = from as NonNullable<typeof from>;
      const data = fate(change.oldResource, 'DeletionPolicy');
      const message =
        `It was ${old.path} (${old.logicalId}${old.stack === stack.path ? '' : ` in ${old.stack}`}): CloudFormation makes an empty one, and ${AFTERWARDS[data]}. ` +
        'Keep the logical id with `overrideLogicalId`, or move the resource with `cdk refactor`.';
      return { ...common, kind: 'renamed', data, message };
    }
    case 'replace':
    case 'may-replace': {
      const data = worse(
        fate(change.oldResource, 'UpdateReplacePolicy'),
        fate(change.newResource, 'UpdateReplacePolicy'),
      );
      const kind = change.action === 'replace' ? 'replaced' : 'may-be-replaced';
      const verb = kind === 'replaced' ? 'makes' : 'may make';
      const message = `Because of ${replacedBy.join(', ')}, CloudFormation ${verb} a new one without the data; ${AFTERWARDS[data]}.`;
      return { ...common, kind, data, message };
    }
    default:
      return undefined;
  }
}

const STACK_GONE =
  'Its stack is no longer in the app: `cdk deploy` leaves it as it is, and nothing updates it from now on.';

const AFTERWARDS = {
  kept: 'the old one stays behind with its data and its costs, outside of any stack',
  snapshot: 'the old one is deleted, and a last snapshot of it stays',
  deleted: 'the old one is deleted with its data',
} as const;

function fate(
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
 * Without a deletion policy, CloudFormation deletes, but RDS instances outside of a cluster, and
 * clusters, leave a snapshot ("DeletionPolicy attribute", AWS CloudFormation user guide).
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
