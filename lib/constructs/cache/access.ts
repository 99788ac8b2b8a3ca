/** Who may log in to a cache, and what they may do there. */
import { ArnFormat, Names, Stack } from 'aws-cdk-lib';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { IRegionalCache } from './interfaces';

/**
 * What the application user may do: every key, every channel and every command except those that
 * Valkey marks dangerous. `@dangerous` holds KEYS, FLUSHALL, FLUSHDB, SORT, CLIENT KILL, MIGRATE
 * and all of `@admin`; it does not hold what a caching client needs, such as SCAN, UNLINK, EVALSHA,
 * CLIENT TRACKING, SUBSCRIBE, CLUSTER SLOTS and CLUSTER SHARDS. INFO is in it, but the ready check
 * of common clients sends INFO, and it only reads.
 */
const ACCESS_STRING = 'on ~* &* +@all -@dangerous +info';

export interface CacheUser {
  readonly userName: string;
  readonly user: elasticache.CfnUser;
  readonly userGroup: elasticache.CfnUserGroup;
}

/**
 * One user that logs in by IAM, and its group. Both belong to Valkey, and to one region: a Global
 * Datastore copies no users. Valkey user groups need no `default` user; ElastiCache switches the
 * engine's own one off as soon as the group is attached.
 */
export function cacheUser(scope: Construct, replicationGroupId: string | undefined): CacheUser {
  const userName = replicationGroupId
    ? `${replicationGroupId.slice(0, 36).replace(/-$/, '')}-app`
    : Names.uniqueResourceName(scope, { maxLength: 40, separator: '-' }).toLowerCase();
  const user = new elasticache.CfnUser(scope, 'User', {
    engine: 'valkey',
    userId: userName,
    userName,
    authenticationMode: { Type: 'iam' },
    accessString: ACCESS_STRING,
  });
  const userGroup = new elasticache.CfnUserGroup(scope, 'Users', {
    engine: 'valkey',
    userGroupId: userName,
    userIds: [user.ref],
  });
  return { userName, user, userGroup };
}

export function grantConnect(cache: IRegionalCache, grantee: iam.IGrantable): iam.Grant {
  const arnOf = (resource: string, resourceName: string) =>
    Stack.of(cache).formatArn({
      service: 'elasticache',
      resource,
      resourceName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  return iam.Grant.addToPrincipal({
    grantee,
    actions: ['elasticache:Connect'],
    resourceArns: [
      arnOf('replicationgroup', cache.replicationGroupId),
      arnOf('user', cache.userName),
    ],
  });
}
