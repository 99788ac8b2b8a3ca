import { ArnFormat, Names, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as wafv2 from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import { invalidValue } from '../../model/errors';
import { keptLogGroup } from '../house-rules';
import { requireCloudFrontRegion } from './cloudfront-region';

/** A rule group that AWS or a vendor keeps up to date. */
export interface ManagedRuleGroup {
  /** Its name, such as `AWSManagedRulesCommonRuleSet`. */
  readonly name: string;
  /**
   * Who keeps it.
   *
   * @default 'AWS'
   */
  readonly vendorName?: string;
  /**
   * Rules of the group that only count, such as `SizeRestrictions_BODY` where bodies over 8 KB are
   * wanted.
   *
   * @default - every rule acts as its vendor decided
   */
  readonly countOnly?: readonly string[];
}

/** The group of rules against common attacks: the one whose rules most often have to be relaxed. */
export const COMMON_RULE_SET = 'AWSManagedRulesCommonRuleSet';

/**
 * Addresses of bad repute, the common attacks, inputs known to be malicious, and SQL injection.
 * Together 1,125 of the 1,500 capacity units in the base price.
 */
export const DEFAULT_MANAGED_RULE_GROUPS: readonly ManagedRuleGroup[] = [
  { name: 'AWSManagedRulesAmazonIpReputationList' },
  { name: COMMON_RULE_SET },
  { name: 'AWSManagedRulesKnownBadInputsRuleSet' },
  { name: 'AWSManagedRulesSQLiRuleSet' },
];

/** A rate limit for paths that begin alike. */
export interface PathRateLimit {
  /** How the paths begin, such as `/auth/`; case matters. */
  readonly pathPrefix: string;
  /** Requests that one client address may send to them in a minute; 10 to 2,000,000,000. */
  readonly requestsPerMinute: number;
}

/** Properties of an {@link EdgeWebAcl}. */
export interface EdgeWebAclProps {
  /**
   * Requests that one client address may send in a minute; beyond them it is answered 429. 10 to
   * 2,000,000,000.
   *
   * AWS WAF estimates: it may act some seconds late. Clients behind one NAT gateway share an
   * address.
   *
   * @default 100
   */
  readonly requestsPerMinute?: number;
  /**
   * Paths with a limit of their own: a lower one where passwords are guessed, a higher one where
   * pages have many small files. They do not count towards the general limit. A path that begins
   * with two of the prefixes counts under both.
   *
   * @default - none
   */
  readonly pathRateLimits?: readonly PathRateLimit[];
  /**
   * Managed rule groups, in the order in which they are evaluated, after the rate limit.
   *
   * @default DEFAULT_MANAGED_RULE_GROUPS. The common rule set blocks bodies over 8 KB.
   */
  readonly managedRuleGroups?: readonly ManagedRuleGroup[];
  /**
   * How long the log is kept.
   *
   * @default logs.RetentionDays.ONE_YEAR
   */
  readonly logRetention?: logs.RetentionDays;
  /**
   * Encrypts the log group. A key of this app gets the statement that CloudWatch Logs needs; an
   * imported one must have it.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;
  /**
   * What happens to the log group when it leaves the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** "RateBasedStatement", AWS WAF API reference. */
const RATE_LIMIT = { min: 10, max: 2_000_000_000 } as const;

/** The window that makes the limit one per minute; one of those that AWS WAF takes. */
const WINDOW_SECONDS = 60;

/** Headers that carry what signs a user in. */
const REDACTED_HEADERS = ['authorization', 'cookie'] as const;

/**
 * What is logged: not the requests that pass, which the access logs have. Under these names AWS WAF
 * reports rules that only count as well.
 */
const LOGGED_ACTIONS = ['BLOCK', 'COUNT', 'EXCLUDED_AS_COUNT', 'CAPTCHA', 'CHALLENGE'] as const;

/**
 * The web ACL of a CloudFront distribution: a rate limit for each client address, then managed rule
 * groups, and a log of what they stopped or counted, without credentials.
 *
 * @throws IsochroneError if the stack is not in us-east-1, the limit is not one that AWS WAF takes,
 * or a rule group is named twice
 */
export class EdgeWebAcl extends Construct {
  public readonly webAcl: wafv2.CfnWebACL;
  public readonly logGroup: logs.ILogGroup;
  /** Under which CloudWatch counts what it allowed and blocked. */
  public readonly metricName: string;

  constructor(scope: Construct, id: string, props: EdgeWebAclProps = {}) {
    super(scope, id);
    requireCloudFrontRegion(this, 'A web ACL for CloudFront exists in us-east-1 only.');
    const requestsPerMinute = props.requestsPerMinute ?? 100;
    const groups = props.managedRuleGroups ?? DEFAULT_MANAGED_RULE_GROUPS;
    const pathLimits = props.pathRateLimits ?? [];
    this.checkRateLimit('requestsPerMinute', requestsPerMinute);
    pathLimits.forEach((limit, i) => {
      this.checkRateLimit(`pathRateLimits[${i}].requestsPerMinute`, limit.requestsPerMinute);
    });
    this.checkPrefixes(pathLimits);
    this.checkNames(groups);

    // The metrics of two web ACLs of an account must not add up.
    this.metricName = Names.uniqueResourceName(this, { maxLength: 128, separator: '-' });
    this.webAcl = new wafv2.CfnWebACL(this, 'WebAcl', {
      scope: 'CLOUDFRONT',
      description: 'Rate limit by client address, then managed rule groups',
      defaultAction: { allow: {} },
      visibilityConfig: visibility(this.metricName),
      rules: [
        ...pathLimits.map((limit, i) =>
          rateLimit(`RateLimitPath${i + 1}`, limit.requestsPerMinute, beginsWith(limit.pathPrefix)),
        ),
        rateLimit(
          'RateLimit',
          requestsPerMinute,
          noneOf(pathLimits.map(({ pathPrefix }) => beginsWith(pathPrefix))),
        ),
        ...groups.map((group) => managed(group)),
      ].map((rule, priority) => ({ ...rule, priority })),
    });
    this.logGroup = this.createLogGroup(props);
    this.log();
  }

  private checkRateLimit(property: string, requestsPerMinute: number): void {
    if (Token.isUnresolved(requestsPerMinute)) return;
    if (
      Number.isInteger(requestsPerMinute) &&
      requestsPerMinute >= RATE_LIMIT.min &&
      requestsPerMinute <= RATE_LIMIT.max
    )
      return;
    throw invalidValue(this, {
      property,
      value: requestsPerMinute,
      allowed: `a whole number from ${RATE_LIMIT.min} to ${RATE_LIMIT.max}`,
      rule: 'AWS WAF counts no fewer in a window.',
      fix: `Raise it to ${RATE_LIMIT.min} or more; a page with its images takes some dozens.`,
    });
  }

  private checkPrefixes(limits: readonly PathRateLimit[]): void {
    limits.forEach(({ pathPrefix }, i) => {
      const isFirst = limits.findIndex((other) => other.pathPrefix === pathPrefix) === i;
      if (isFirst && /^\/[^*?\s]{1,199}$/.test(pathPrefix)) return;
      throw invalidValue(this, {
        property: `pathRateLimits[${i}].pathPrefix`,
        value: pathPrefix,
        allowed:
          'the beginning of a path, of 2 to 200 characters, with a slash first and without wildcards, named once',
        rule: 'AWS WAF compares the beginning of the path with it, letter by letter.',
        fix: 'Write it like `/auth/`.',
      });
    });
  }

  private checkNames(groups: readonly ManagedRuleGroup[]): void {
    const names = groups.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice === undefined) return;
    throw invalidValue(this, {
      property: 'managedRuleGroups',
      value: twice,
      allowed: 'a list that names each group once',
      rule: 'The rules of a web ACL have different names.',
      fix: 'Remove one, and join their `countOnly`.',
    });
  }

  private createLogGroup(props: EdgeWebAclProps): logs.LogGroup {
    // AWS WAF delivers only to groups with this prefix.
    const logGroupName = `aws-waf-logs-${Names.uniqueResourceName(this, { maxLength: 100, separator: '-' })}`;
    const logGroup = keptLogGroup(this, 'LogGroup', {
      logGroupName,
      retention: props.logRetention ?? logs.RetentionDays.ONE_YEAR,
      encryptionKey: props.logEncryptionKey,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    });
    return logGroup;
  }

  private log(): void {
    new wafv2.CfnLoggingConfiguration(this, 'Logging', {
      resourceArn: this.webAcl.attrArn,
      // Without the `:*` at the end of the log group's own ARN, which AWS WAF would report as a
      // change ever after.
      logDestinationConfigs: [this.logGroupArn(this.logGroup.logGroupName)],
      redactedFields: REDACTED_HEADERS.map((name) => ({ singleHeader: { Name: name } })),
      loggingFilter: {
        DefaultBehavior: 'DROP',
        Filters: [
          {
            Behavior: 'KEEP',
            Requirement: 'MEETS_ANY',
            Conditions: LOGGED_ACTIONS.map((action) => ({ ActionCondition: { Action: action } })),
          },
        ],
      },
    });
  }

  private logGroupArn(name: string): string {
    return Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: name,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }
}

/** A rule without its place among the others. */
type Rule = Omit<wafv2.CfnWebACL.RuleProperty, 'priority'>;

function rateLimit(
  name: string,
  limit: number,
  scopeDownStatement: wafv2.CfnWebACL.StatementProperty | undefined,
): Rule {
  return {
    name,
    // A client that is only too fast learns that from 429, and knows when to come back.
    action: {
      block: {
        customResponse: {
          responseCode: 429,
          responseHeaders: [{ name: 'Retry-After', value: String(WINDOW_SECONDS) }],
        },
      },
    },
    statement: {
      rateBasedStatement: {
        limit,
        evaluationWindowSec: WINDOW_SECONDS,
        aggregateKeyType: 'IP',
        scopeDownStatement,
      },
    },
    visibilityConfig: visibility(name),
  };
}

/**
 * Decoded and normalised first, or `/%61uth/` and `/x/../auth/` would have a limit of their own.
 */
function beginsWith(searchString: string): wafv2.CfnWebACL.StatementProperty {
  return {
    byteMatchStatement: {
      fieldToMatch: { uriPath: {} },
      positionalConstraint: 'STARTS_WITH',
      searchString,
      textTransformations: [
        { priority: 0, type: 'URL_DECODE' },
        { priority: 1, type: 'NORMALIZE_PATH' },
      ],
    },
  };
}

function noneOf(
  statements: readonly wafv2.CfnWebACL.StatementProperty[],
): wafv2.CfnWebACL.StatementProperty | undefined {
  const [first, ...others] = statements;
  if (first === undefined) return undefined;
  // AWS WAF takes an `or` of two statements at least.
  return {
    notStatement: {
      statement: others.length === 0 ? first : { orStatement: { statements: [...statements] } },
    },
  };
}

function managed({ name, vendorName, countOnly }: ManagedRuleGroup): Rule {
  return {
    name,
    overrideAction: { none: {} },
    statement: {
      managedRuleGroupStatement: {
        vendorName: vendorName ?? 'AWS',
        name,
        ruleActionOverrides: countOnly?.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
      },
    },
    visibilityConfig: visibility(name),
  };
}

function visibility(metricName: string): wafv2.CfnWebACL.VisibilityConfigProperty {
  return { cloudWatchMetricsEnabled: true, metricName, sampledRequestsEnabled: true };
}
