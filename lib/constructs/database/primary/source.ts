import { Stack, Token } from 'aws-cdk-lib';
import * as rds from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import { RDS_POSTGRESQL } from '../../../model/aws';
import { type Rule, rdsRules } from '../../../model/rules';
import { checkRule } from '../../house-rules';
import { checkIdentifier, instanceArn } from './instance';

/** An instance of another region. */
export interface PostgresSourceInRegion {
  /** The region it runs in, such as `us-east-1`. */
  readonly region: string;
  /**
   * Its identifier there, as text. The stack with the replicas can then be synthesized and deployed
   * on its own.
   */
  readonly instanceIdentifier: string;
  /**
   * The regions of the instances that it follows itself, from the primary on: `['us-east-1']` for a
   * replica of a primary there. RDS allows three replicas in a chain, and two regions.
   *
   * @default - none: it is the primary
   */
  readonly follows?: readonly string[];
}

/** A source as the replicas that follow it address it. */
export interface BoundPostgresSource {
  readonly instance: rds.IDatabaseInstance;
  /** The source's identifier if it is in the region of the replicas, otherwise its ARN. */
  readonly sourceIdentifier: string;
  /** The source's region if it is another one. */
  readonly region?: string;
  /** The regions of the chain down to the source: the primary's first, the source's last. */
  readonly chain: readonly string[];
  /** Whether the hub was promoted. The source is then the instance that it followed before. */
  readonly left?: boolean;
}

/** The chains of the replicas of this app, for the replicas that follow one of them. */
const chains = new WeakMap<rds.IDatabaseInstance, readonly string[]>();

/** Records that a replica follows a source, which makes the chain one link longer. */
export function continueChain(
  scope: Construct,
  replica: rds.IDatabaseInstance,
  { chain }: BoundPostgresSource,
): void {
  chains.set(replica, [...chain, Stack.of(scope).region]);
}

/** "Using cascading read replicas with RDS for PostgreSQL", Amazon RDS user guide. */
const REGIONS_IN_A_CHAIN = 2;
const FIRST_CASCADING_VERSION = [14, 1] as const;

const CHAIN_LIMITS =
  `A chain of RDS for PostgreSQL has at most ${RDS_POSTGRESQL.chainLength} replicas and ` +
  `${REGIONS_IN_A_CHAIN} regions.`;

/** The chain down to a source, given how many replicas are to follow it, one below the other. */
const CHAIN_LENGTH: Rule<readonly string[], { readonly links: number }> = {
  allows: (chain, { links }) => chain.length - 1 + links <= RDS_POSTGRESQL.chainLength,
  allowed: (_, { links }) =>
    `a source with at most ${RDS_POSTGRESQL.chainLength - links} replicas above these, one ` +
    'following the other',
  rule: CHAIN_LIMITS,
  fix: 'Follow an instance nearer to the primary, or ask for no leaves.',
};

const CHAIN_REGIONS: Rule<readonly string[]> = {
  allows: (regions) =>
    regions.some((region) => Token.isUnresolved(region)) || regions.length <= REGIONS_IN_A_CHAIN,
  allowed: 'an instance of the region of the primary, or of this one',
  rule: CHAIN_LIMITS,
  fix: 'Follow the primary, or a replica beside it: each region attaches its own hub there.',
};

/** The engine's version, as `major.minor` or the major version alone, which means the newest. */
const CASCADING_VERSION: Rule<string> = {
  allows: (version) => {
    const [major = 0, minor = Number.POSITIVE_INFINITY] = version.split('.').map(Number);
    const [firstMajor, firstMinor] = FIRST_CASCADING_VERSION;
    return major > firstMajor || (major === firstMajor && minor >= firstMinor);
  },
  allowed: `${FIRST_CASCADING_VERSION.join('.')} or later where a replica follows a replica`,
  rule: 'Earlier versions of RDS for PostgreSQL do not cascade.',
  fix: 'Upgrade first, or let replicas follow the primary: `leaves: 0` in another region.',
};

/**
 * Checks a chain before replicas are added to it.
 *
 * @param links how many replicas, one below the other, are to follow the source
 * @param version the version that they run, as `major.minor` or the major version alone
 * @throws IsochroneError if RDS does not allow the chain
 */
export function checkChain(
  scope: Construct,
  { chain }: BoundPostgresSource,
  links: number,
  version: string,
): void {
  checkRule(scope, 'source', CHAIN_LENGTH, chain, { links });
  checkRule(scope, 'source', CHAIN_REGIONS, [...new Set([...chain, Stack.of(scope).region])]);
  if (chain.length - 1 + links > 1) checkRule(scope, 'engineVersion', CASCADING_VERSION, version);
}

function elsewhere(scope: Construct, source: PostgresSourceInRegion): BoundPostgresSource {
  return {
    // CDK asks for an instance, and uses nothing of this one but the identifier.
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

/** The region of a source for `inThisRegion`, given the region of the replicas. */
const SAME_REGION: Rule<string, { readonly here: string }> = {
  allows: (there, { here }) => there === here,
  allowed: (_, { here }) => `an instance of ${here}, as \`inThisRegion\` says`,
  rule: 'RDS finds an instance of another region only by its ARN.',
  fix: 'Use `PostgresSource.inRegion` with its region and identifier.',
};

/** The region of a source for `inRegion`, given the region of the replicas. */
const OTHER_REGION: Rule<string, { readonly here: string }> = {
  allows: (there, { here }) => there !== here,
  allowed: 'another region than that of the replicas',
  rule: "Replicas in the source's own region follow it by identifier, and must not name a key.",
  fix: 'Use `PostgresSource.inThisRegion` with the instance.',
};

/** The instance that replicas follow, and how they address it from their region. */
export class PostgresSource {
  /**
   * An instance of the replicas' own region: the primary, or the hub of a `PostgresReplicas`, which
   * has the automatic backups that a source needs.
   */
  public static inThisRegion(instance: rds.IDatabaseInstance): PostgresSource {
    return new PostgresSource((scope) => {
      const here = Stack.of(scope).region;
      checkRule(scope, 'source', SAME_REGION, instance.env.region, { here });
      const cfn = instance.node.defaultChild;
      const isReplica =
        cfn instanceof rds.CfnDBInstance && cfn.sourceDbInstanceIdentifier !== undefined;
      checkRule(scope, 'source', rdsRules.REPLICATION_SOURCE, instance.node.path, {
        hasBackups: !isReplica || (cfn.backupRetentionPeriod ?? 0) !== 0,
      });
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
      checkRule(scope, 'source.region', OTHER_REGION, source.region, {
        here: Stack.of(scope).region,
      });
      return elsewhere(scope, source);
    });
  }

  /**
   * The instance of another region that the hub followed until it was promoted. The hub is the
   * primary now, and its leaves follow it.
   *
   * The template still names the source, because the hub was created with it. CloudFormation reads
   * it only when it creates the hub. Without the source, CloudFormation would promote an instance
   * that is not a replica, which RDS refuses; without its region, it would replace the hub
   * (`AWS::RDS::DBInstance`: the schema's `createOnlyProperties`, and its `UpdateHandler`).
   */
  public static leftInRegion(source: Omit<PostgresSourceInRegion, 'follows'>): PostgresSource {
    const { bind } = PostgresSource.inRegion(source);
    return new PostgresSource((scope) => ({ ...bind(scope), chain: [], left: true }));
  }

  /**
   * The construct that follows the source calls it once.
   *
   * @throws IsochroneError if the source is not where its factory says
   */
  public readonly bind: (scope: Construct) => BoundPostgresSource;

  private constructor(bind: (scope: Construct) => BoundPostgresSource) {
    this.bind = bind;
  }
}
