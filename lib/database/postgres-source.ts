import { Stack, Token } from 'aws-cdk-lib';
import * as rds from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import { invalidValue } from '../errors';
import { checkIdentifier, instanceArn } from './postgres-instance';

/** An instance of another region. */
export interface PostgresSourceInRegion {
  /** The region it runs in, such as `us-east-1`. */
  readonly region: string;
  /** Its identifier there, as text: the stack with the replicas can then be synthesized and deployed on its own. */
  readonly instanceIdentifier: string;
}

/** What replicas need to know of their source. */
export interface BoundPostgresSource {
  readonly instance: rds.IDatabaseInstance;
  /** What RDS calls the source from here: its identifier in its own region, its ARN from another one. */
  readonly sourceIdentifier: string;
  /** The source's region if it is another one. */
  readonly region?: string;
}

/** The instance that replicas follow, and how it is addressed from where they are. */
export class PostgresSource {
  /** An instance of the replicas' own region: the primary, or another one with automatic backups. */
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
      return { instance, sourceIdentifier: instance.instanceIdentifier };
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
      };
    });
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
