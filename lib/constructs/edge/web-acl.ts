import { ArnFormat, Names, Stack, Token } from 'aws-cdk-lib';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as wafv2 from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import { WAF } from '../../model/aws';
import { invalidValue } from '../../model/errors';
import { cloudfrontRules, isWholeNumber } from '../../model/rules';
import { checkRule, type LoggedProps, loggedGroup } from '../house-rules';
import { requireCloudFrontRegion } from './cloudfront-region';

/** A rule group that AWS or another vendor maintains. */
export interface ManagedRuleGroup {
  /** The name of the group, such as `AWSManagedRulesCommonRuleSet`. */
  readonly name: string;
  /**
   * The vendor.
   *
   * @default 'AWS'
   */
  readonly vendorName?: string;
  /**
   * Rules of the group that only count, such as `SizeRestrictions_BODY` if bodies over 8 KB are
   * expected.
   *
   * @default - every rule takes the action that its vendor chose
   */
  readonly countOnly?: readonly string[];
}

/** The group against common attacks, whose rules most often have to be relaxed. */
export const COMMON_RULE_SET = 'AWSManagedRulesCommonRuleSet';

/**
 * The groups against addresses of bad reputation, common attacks, known bad inputs, and SQL
 * injection. Together they use 1,125 of the 1,500 capacity units in the base price.
 */
export const DEFAULT_MANAGED_RULE_GROUPS: readonly ManagedRuleGroup[] = [
  { name: 'AWSManagedRulesAmazonIpReputationList' },
  { name: COMMON_RULE_SET },
  { name: 'AWSManagedRulesKnownBadInputsRuleSet' },
  { name: 'AWSManagedRulesSQLiRuleSet' },
];

/** A rate limit for the paths with one prefix. */
export interface PathRateLimit {
  /** The prefix of the paths, such as `/auth/`; case matters. */
  readonly pathPrefix: string;
  /** Requests per minute that one client address may send to these paths: 10 to 2,000,000,000. */
  readonly requestsPerMinute: number;
}

/** Properties of an {@link EdgeWebAcl}. */
export interface EdgeWebAclProps extends LoggedProps {
  /**
   * Requests per minute that one client address may send: 10 to 2,000,000,000. Further requests are
   * answered 429.
   *
   * AWS WAF estimates the rate and may act some seconds late. Clients behind one NAT gateway share
   * an address.
   *
   * @default 100
   */
  readonly requestsPerMinute?: number;
  /**
   * Paths with a limit of their own, such as a lower one against password guessing, or a higher one
   * for pages with many small files. They do not count towards the general limit. A path with two
   * of the prefixes counts towards both.
   *
   * @default - no path has a limit of its own
   */
  readonly pathRateLimits?: readonly PathRateLimit[];
  /**
   * Managed rule groups in the order of evaluation, after the rate limits.
   *
   * @default DEFAULT_MANAGED_RULE_GROUPS. The common rule set blocks bodies over 8 KB.
   */
  readonly managedRuleGroups?: readonly ManagedRuleGroup[];
}

/**
 * The evaluation window that makes the limit one per minute. AWS WAF takes 60, 120, 300 and 600:
 * "Rate-based rule statement", AWS WAF developer guide.
 */
const WINDOW_SECONDS = 60;

/** Headers that carry credentials. */
const REDACTED_HEADERS = ['authorization', 'cookie'] as const;

/**
 * The actions that are logged. Requests that pass are in the access logs. AWS WAF reports rules
 * that only count under two of these names.
 */
const LOGGED_ACTIONS = ['BLOCK', 'COUNT', 'EXCLUDED_AS_COUNT', 'CAPTCHA', 'CHALLENGE'] as const;

/**
 * The web ACL of a CloudFront distribution: a rate limit for each client address, then managed rule
 * groups. It logs the requests that they stop or count, without credentials, and keeps the log for
 * a year by default.
 *
 * @throws IsochroneError if the stack is not in us-east-1, AWS WAF would refuse a limit or a
 * prefix, or a prefix or a rule group is named twice
 */
export class EdgeWebAcl extends Construct {
  /** The web ACL, of scope CLOUDFRONT. */
  public readonly webAcl: wafv2.CfnWebACL;
  /** The log of stopped and counted requests. */
  public readonly logGroup: logs.ILogGroup;
  /** The name under which CloudWatch counts allowed and blocked requests. */
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

    // Unique, or CloudWatch would add up the metrics of two web ACLs of an account.
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
    const { min, max } = WAF.rateLimit;
    if (Token.isUnresolved(requestsPerMinute) || isWholeNumber(requestsPerMinute, WAF.rateLimit))
      return;
    throw invalidValue(this, {
      property,
      value: requestsPerMinute,
      allowed: `a whole number from ${min} to ${max}`,
      rule: 'AWS WAF takes no lower limit for a window.',
      fix: `Raise it to ${min} or more; a page with its images takes some dozens.`,
    });
  }

  private checkPrefixes(limits: readonly PathRateLimit[]): void {
    const prefixes = limits.map(({ pathPrefix }) => pathPrefix);
    prefixes.forEach((value, i) => {
      const property = `pathRateLimits[${i}].pathPrefix`;
      if (!/^\/[^*?\s]{1,199}$/.test(value)) {
        throw invalidValue(this, {
          property,
          value,
          allowed: 'the beginning of a path: a slash, then 1 to 199 characters without wildcards',
          rule: 'AWS WAF compares the beginning of the path with it, letter by letter.',
          fix: 'Write it as `/auth/`.',
        });
      }
      checkRule(this, property, cloudfrontRules.NAMED_ONCE, value, prefixes.slice(0, i));
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
      rule: 'Every rule of a web ACL needs a name of its own.',
      fix: 'Remove one of the two, and join their `countOnly`.',
    });
  }

  private createLogGroup(props: LoggedProps): logs.LogGroup {
    const name = Names.uniqueResourceName(this, { maxLength: 100, separator: '-' });
    return loggedGroup(this, 'LogGroup', {
      ...props,
      // AWS WAF delivers only to groups with this prefix.
      logGroupName: `aws-waf-logs-${name}`,
      defaultRetention: logs.RetentionDays.ONE_YEAR,
    });
  }

  private log(): void {
    new wafv2.CfnLoggingConfiguration(this, 'Logging', {
      resourceArn: this.webAcl.attrArn,
      // The log group's own ARN ends in `:*`, which AWS WAF would report as a change for ever.
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

/** A rule without its priority. */
type AclRule = Omit<wafv2.CfnWebACL.RuleProperty, 'priority'>;

function rateLimit(
  name: string,
  limit: number,
  scopeDownStatement: wafv2.CfnWebACL.StatementProperty | undefined,
): AclRule {
  return {
    name,
    // Status 429 and `Retry-After` tell a client that is merely too fast when to try again.
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
 * Decodes and normalizes the path first: else `/%61uth/` and `/x/../auth/` would evade the limit.
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
  // AWS WAF takes an `or` of at least two statements.
  return {
    notStatement: {
      statement: others.length === 0 ? first : { orStatement: { statements: [...statements] } },
    },
  };
}

function managed({ name, vendorName, countOnly }: ManagedRuleGroup): AclRule {
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
