import { Stack, Token } from 'aws-cdk-lib';
import * as rds from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import { RDS_POSTGRESQL } from '../../../model/aws';
import { invalidValue } from '../../../model/errors';
import { checkIdentifier, instanceArn } from './postgres-instance';

/** "Using cascading read replicas with RDS for PostgreSQL", Amazon RDS user guide. */
const REGIONS_IN_A_CHAIN = 2;
const FIRST_CASCADING_VERSION = [14, 1] as const;

/** An instance of another region. */
export interface PostgresSourceInRegion {
  /** The region it runs in, such as `us-east-1`. */
  readonly region: string;
  /**
   * Its identifier there, as text: the stack with the replicas can then be synthesized and deployed
   * on its own.
   */
  readonly instanceIdentifier: string;
  /**
   * Where the instances are that it follows itself, from the primary on: `['us-east-1']` for a
   * replica of a primary there. RDS allows three replicas in a chain, and two regions.
   *
   * @default - none: it is the primary
   */
  readonly follows?: readonly string[];
}

/** What replicas need to know of their source. */
export interface BoundPostgresSource {
  readonly instance: rds.IDatabaseInstance;
  /**
   * What RDS calls the source from here: its identifier in its own region, its ARN from another
   * one.
   */
  readonly sourceIdentifier: string;
  /** The source's region if it is another one. */
  readonly region?: string;
  /** The regions of the chain down to the source, the primary's first, the source's last. */
  readonly chain: readonly string[];
  /** Whether the hub was promoted: the source is the one that it followed. */
  readonly left?: boolean;
}

/** The chains of the replicas of this app, for those that follow one of them. */
const chains = new WeakMap<rds.IDatabaseInstance, readonly string[]>();

/**
 * Notes that a replica follows a source, which makes the chain one longer.
 *
 * @throws IsochroneError if RDS allows no chain like it
 */
export function continueChain(
  scope: Construct,
  replica: rds.IDatabaseInstance,
  { chain }: BoundPostgresSource,
): void {
  chains.set(replica, [...chain, Stack.of(scope).region]);
}

/**
 * Checks a chain before there are replicas in it.
 *
 * @param links how many replicas, one below the other, are to follow the source
 * @param version what they run, as `major.minor` or the major version alone
 * @throws IsochroneError if RDS allows no chain like it
 */
export function checkChain(
  scope: Construct,
  { chain }: BoundPostgresSource,
  links: number,
  version: string,
): void {
  const total = chain.length - 1 + links;
  if (total > RDS_POSTGRESQL.chainLength) {
    throw invalidValue(scope, {
      property: 'source',
      value: chain,
      allowed: `a source with at most ${RDS_POSTGRESQL.chainLength - links} replicas above these, one following the other`,
      rule: `RDS for PostgreSQL allows ${RDS_POSTGRESQL.chainLength} replicas in a chain.`,
      fix: 'Follow an instance nearer to the primary, or ask for no leaves.',
    });
  }
  const regions = [...new Set([...chain, Stack.of(scope).region])];
  if (
    !regions.some((region) => Token.isUnresolved(region)) &&
    regions.length > REGIONS_IN_A_CHAIN
  ) {
    throw invalidValue(scope, {
      property: 'source',
      value: regions,
      allowed: 'an instance of the region of the primary, or of this one',
      rule: `RDS for PostgreSQL allows ${REGIONS_IN_A_CHAIN} regions in a chain.`,
      fix: 'Follow the primary, or a replica beside it: each region hangs its own hub there.',
    });
  }
  const [major = 0, minor = Number.POSITIVE_INFINITY] = version.split('.').map(Number);
  const [firstMajor, firstMinor] = FIRST_CASCADING_VERSION;
  const cascades = major > firstMajor || (major === firstMajor && minor >= firstMinor);
  if (total > 1 && !Token.isUnresolved(version) && !cascades) {
    throw invalidValue(scope, {
      property: 'engineVersion',
      value: version,
      allowed: `${FIRST_CASCADING_VERSION.join('.')} or later where a replica follows a replica`,
      rule: 'Earlier versions of RDS for PostgreSQL do not cascade.',
      fix: 'Upgrade first, or let replicas follow the primary: `leaves: 0` in another region.',
    });
  }
}

function elsewhere(scope: Construct, source: PostgresSourceInRegion): BoundPostgresSource {
  return {
    // CDK asks for an instance; of this one nothing but the identifier is used.
    instance: rds.DatabaseInstance.fromDatabaseInstanceAttributes(scope, 'Source', {
      instanceIdentifier: source.instanceIdentifier,
      instanceEndpointAddress: '',
      port: 5432,
      securityGroups: [],
    }),
    sourceIdentifier: instanceArn(scope, source.region, source.instanceIdentifier),
    region: source.region,
    chain: [...(source.follows ?? []), source.region],
  };
}

/** The instance that replicas follow, and how it is addressed from where they are. */
export class PostgresSource {
  /**
   * An instance of the replicas' own region: the primary, or the hub of a `PostgresReplicas`, which
   * has the automatic backups it takes.
   */
  public static inThisRegion(instance: rds.IDatabaseInstance): PostgresSource {
    return new PostgresSource((scope) => {
      const here = Stack.of(scope).region;
      const there = instance.env.region;
      if (!Token.isUnresolved(here) && !Token.isUnresolved(there) && here !== there) {
        throw invalidValue(scope, {
          property: 'source',
          value: there,
          allowed: `an instance of ${here}, as \`inThisRegion\` says`,
          rule: 'RDS finds an instance of another region only by its ARN.',
          fix: 'Use `PostgresSource.inRegion` with its region and identifier.',
        });
      }
      const cfn = instance.node.defaultChild;
      const isReplica =
        cfn instanceof rds.CfnDBInstance && cfn.sourceDbInstanceIdentifier !== undefined;
      if (isReplica && (cfn.backupRetentionPeriod ?? 0) === 0) {
        throw invalidValue(scope, {
          property: 'source',
          value: instance.node.path,
          allowed: 'an instance with automatic backups',
          rule: 'RDS replicates only from such an instance, and leaves have none.',
          fix: 'Follow the hub, or the primary.',
        });
      }
      return {
        instance,
        sourceIdentifier: instance.instanceIdentifier,
        chain: chains.get(instance) ?? [here],
      };
    });
  }

  /** An instance of another region of the same account. RDS replicates within one account only. */
  public static inRegion(source: PostgresSourceInRegion): PostgresSource {
    return new PostgresSource((scope) => {
      checkIdentifier(scope, 'source.instanceIdentifier', source.instanceIdentifier);
      if (source.region === Stack.of(scope).region) {
        throw invalidValue(scope, {
          property: 'source.region',
          value: source.region,
          allowed: 'another region than that of the replicas',
          rule: "Replicas in the source's own region follow it directly, by identifier, and must not name a key.",
          fix: 'Use `PostgresSource.inThisRegion` with the instance.',
        });
      }
      return elsewhere(scope, source);
    });
  }

  /**
   * The instance of another region that the hub followed until it was promoted. The hub is the
   * primary now, and its leaves follow it.
   *
   * The template goes on naming the source, as the hub was made: CloudFormation reads it when it
   * makes the hub, never again. Without it, CloudFormation would promote an instance that is no
   * replica, which RDS refuses; without its region, it would replace the hub
   * (`AWS::RDS::DBInstance`: the schema's `createOnlyProperties`, and its `UpdateHandler`).
   */
  public static leftInRegion(source: Omit<PostgresSourceInRegion, 'follows'>): PostgresSource {
    const { bind } = PostgresSource.inRegion(source);
    return new PostgresSource((scope) => ({ ...bind(scope), chain: [], left: true }));
  }

  /**
   * Called once by the construct that follows the source.
   *
   * @throws IsochroneError if the source is not where its factory says
   */
  public readonly bind: (scope: Construct) => BoundPostgresSource;

  private constructor(bind: (scope: Construct) => BoundPostgresSource) {
    this.bind = bind;
  }
}
