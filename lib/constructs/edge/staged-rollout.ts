import { type Duration, Lazy, Stack } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { Construct } from 'constructs';
import { invalidValue } from '../../model/errors';
import type { Rule } from '../../model/rules';
import { acknowledge, checkRule } from '../house-rules';

/** Sends a share of all requests to the staging distribution. */
export interface WeightedTraffic {
  /** The share of the staging distribution: above 0, at most 0.15. */
  readonly weight: number;
  /**
   * Keeps a viewer on the distribution that served its first request, by a cookie.
   *
   * @default - CloudFront chooses the distribution for each request
   */
  readonly stickiness?: {
    /** The session ends after this time without a request: 300 to 3600 seconds. */
    readonly idle: Duration;
    /** The session ends after this time in any case: 300 to 3600 seconds, at least `idle`. */
    readonly maximum: Duration;
  };
}

/** Sends the requests with a certain header to the staging distribution, for testers. */
export interface HeaderTraffic {
  /** The name of the header. It begins with `aws-cf-cd-`. */
  readonly header: string;
  /** The value of the header. */
  readonly value: string;
}

/** Properties of a {@link StagedRollout}. */
export interface StagedRolloutProps {
  /** The primary distribution, in the same stack. */
  readonly distribution: cloudfront.Distribution;
  /** The requests that go to the staging distribution. */
  readonly traffic: WeightedTraffic | HeaderTraffic;
  /**
   * - `prepare`: the staging distribution and the policy exist, and get no traffic.
   * - `attach`: the primary distribution applies the policy.
   *
   * Deploy the two phases in this order, because a distribution cannot be created with a policy.
   * Deploy `prepare` again before you remove the construct, because a policy in use cannot be
   * deleted.
   */
  readonly phase: 'prepare' | 'attach';
}

/*
 * The rules of "Use CloudFront continuous deployment to safely test CDN configuration changes",
 * Amazon CloudFront developer guide.
 */

const HEADER_PREFIX = 'aws-cf-cd-';
const HEADER: Rule<string> = {
  allows: (name) =>
    name.toLowerCase().startsWith(HEADER_PREFIX) && name.length > HEADER_PREFIX.length,
  allowed: `a name that begins with \`${HEADER_PREFIX}\``,
  rule: 'CloudFront considers no other header for continuous deployment.',
  fix: `Use a name such as \`${HEADER_PREFIX}try\`.`,
};

const MAX_WEIGHT = 0.15;
const WEIGHT: Rule<number> = {
  allows: (weight) => weight > 0 && weight <= MAX_WEIGHT,
  allowed: `above 0, and at most ${MAX_WEIGHT}`,
  rule: 'CloudFront sends no larger share to a staging distribution.',
  fix: 'Lower it; for no traffic at all, use the phase `prepare`.',
};

const STICKINESS_SECONDS = { min: 300, max: 3600 } as const;
const STICKINESS: Rule<number> = {
  allows: (seconds) => seconds >= STICKINESS_SECONDS.min && seconds <= STICKINESS_SECONDS.max,
  allowed: `${STICKINESS_SECONDS.min} to ${STICKINESS_SECONDS.max} seconds`,
  rule: 'CloudFront takes no other duration for a session.',
  fix: 'Change it, or leave `stickiness` out.',
};

const IDLE_TIME: Rule<number, { readonly maximumSeconds: number }> = {
  allows: (seconds, { maximumSeconds }) => seconds <= maximumSeconds,
  allowed: (_, { maximumSeconds }) => `at most \`maximum\`, ${maximumSeconds} seconds`,
  rule: 'A session ends at its maximum, even if it is busy.',
  fix: 'Lower `idle`, or raise `maximum`.',
};

const HTTP_VERSION: Rule<string> = {
  allows: (version) => !version.includes('3'),
  allowed: '`http2` or `http1.1` in the phase `attach`',
  rule: 'CloudFront takes no continuous deployment policy on a distribution with HTTP/3.',
  fix: 'Turn HTTP/3 off in an earlier deployment, and on again after the rollout.',
};

/**
 * Tests a change of a distribution on a few requests. It consists of a staging distribution with
 * the primary's configuration, and the continuous deployment policy that sends some of the
 * primary's traffic to it. `docs/operations/rollout.md` has the commands.
 *
 * The staging distribution follows every change of the primary's props. Make the change to test on
 * top of it:
 * `rollout.staging.addPropertyOverride('DistributionConfig.DefaultCacheBehavior.Compress', false)`.
 * Overrides that the primary got by `addPropertyOverride` are not copied.
 *
 * Meanwhile neither distribution offers HTTP/3, which CloudFront excludes with continuous
 * deployment.
 *
 * @throws IsochroneError if the primary is in another stack, offers HTTP/3 in the phase `attach`,
 * or CloudFront would refuse the traffic configuration
 */
export class StagedRollout extends Construct {
  /** The staging distribution, for overrides. */
  public readonly staging: cloudfront.CfnDistribution;
  /** The policy that sends traffic to the staging distribution. */
  public readonly policy: cloudfront.CfnContinuousDeploymentPolicy;

  constructor(scope: Construct, id: string, props: StagedRolloutProps) {
    super(scope, id);
    const primary = props.distribution.node.defaultChild as cloudfront.CfnDistribution;
    this.checkStack(props.distribution);
    this.checkTraffic(props.traffic);
    const { httpVersion } = configOf(primary);
    if (props.phase === 'attach' && httpVersion !== undefined)
      checkRule(this, 'httpVersion of the distribution', HTTP_VERSION, httpVersion);

    this.staging = new cloudfront.CfnDistribution(this, 'Staging', {
      // Lazy, because behaviors can be added to the primary until the template is written.
      distributionConfig: Lazy.any({ produce: () => stagingConfig(configOf(primary)) }),
    });
    this.policy = new cloudfront.CfnContinuousDeploymentPolicy(this, 'Policy', {
      continuousDeploymentPolicyConfig: {
        enabled: true,
        stagingDistributionDnsNames: [this.staging.attrDomainName],
        trafficConfig: trafficConfig(props.traffic),
      },
    });
    if (props.phase === 'attach') {
      primary.addPropertyOverride(
        'DistributionConfig.ContinuousDeploymentPolicyId',
        this.policy.attrId,
      );
    }
    this.acknowledgeFindings(configOf(primary));
  }

  private acknowledgeFindings(
    primary: cloudfront.CfnDistribution.DistributionConfigProperty,
  ): void {
    if (primary.restrictions === undefined) {
      acknowledge(
        this.staging,
        'Serves where the primary distribution serves: it is a copy of it.',
        'AwsSolutions-CFR1',
      );
    }
    if (primary.logging === undefined) {
      acknowledge(
        this.staging,
        'Copies the logging of the primary distribution, whose access logs are not a property ' +
          'of it ' +
          '(standard logging v2). The staging distribution has no name of its own and exists for ' +
          'the time of a rollout; its metrics show what it serves.',
        'AwsSolutions-CFR3',
      );
    }
  }

  private checkStack(distribution: cloudfront.Distribution): void {
    if (Stack.of(distribution) === Stack.of(this)) return;
    throw invalidValue(this, {
      property: 'distribution',
      value: distribution.node.path,
      allowed: `in the stack of the rollout, ${Stack.of(this).node.path}`,
      rule:
        'The primary refers to the policy, and the staging distribution to resources of the ' +
        'primary: two stacks would wait for each other.',
      fix: "Create the rollout in the distribution's stack.",
    });
  }

  private checkTraffic(traffic: WeightedTraffic | HeaderTraffic): void {
    if ('header' in traffic) {
      checkRule(this, 'traffic.header', HEADER, traffic.header);
      return;
    }
    const { weight, stickiness } = traffic;
    checkRule(this, 'traffic.weight', WEIGHT, weight);
    if (stickiness === undefined) return;
    const { idle, maximum } = stickiness;
    for (const [name, duration] of Object.entries({ idle, maximum })) {
      if (!duration.isUnresolved())
        checkRule(this, `traffic.stickiness.${name}`, STICKINESS, duration.toSeconds());
    }
    if (idle.isUnresolved() || maximum.isUnresolved()) return;
    checkRule(this, 'traffic.stickiness.idle', IDLE_TIME, idle.toSeconds(), {
      maximumSeconds: maximum.toSeconds(),
    });
  }
}

/** The configuration that CDK's L2 rendered, which is not a token. */
function configOf(
  distribution: cloudfront.CfnDistribution,
): cloudfront.CfnDistribution.DistributionConfigProperty {
  return distribution.distributionConfig as cloudfront.CfnDistribution.DistributionConfigProperty;
}

/**
 * The primary's configuration without its names: a name belongs to one distribution, and viewers
 * reach the staging distribution through the policy alone.
 */
function stagingConfig(
  primary: cloudfront.CfnDistribution.DistributionConfigProperty,
): cloudfront.CfnDistribution.DistributionConfigProperty {
  const { aliases: _, httpVersion, ...config } = primary;
  return {
    ...config,
    httpVersion: httpVersion?.includes('3') ? 'http2' : httpVersion,
    staging: true,
  };
}

function trafficConfig(
  traffic: WeightedTraffic | HeaderTraffic,
): cloudfront.CfnContinuousDeploymentPolicy.TrafficConfigProperty {
  if ('header' in traffic) {
    return {
      type: 'SingleHeader',
      singleHeaderConfig: { header: traffic.header, value: traffic.value },
    };
  }
  const { weight, stickiness } = traffic;
  return {
    type: 'SingleWeight',
    singleWeightConfig: {
      weight,
      sessionStickinessConfig: stickiness && {
        idleTtl: stickiness.idle.toSeconds(),
        maximumTtl: stickiness.maximum.toSeconds(),
      },
    },
  };
}
