import { Duration, Names } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type { Construct } from 'constructs';
import { IMAGE_FORMAT_HEADER, LANGUAGE_HEADER } from '../tiers';

/** Two years, as the preload lists of browsers ask for. */
const HSTS_MAX_AGE = Duration.days(730);

/**
 * For uncached paths: everything that the viewer sent, but for `Host`, which is the origin's, and
 * for headers that only our edge functions may set and that an origin may therefore trust.
 */
export function allOfTheViewer(scope: Construct): cloudfront.OriginRequestPolicy {
  return new cloudfront.OriginRequestPolicy(scope, 'AllOfTheViewer', {
    originRequestPolicyName: Names.uniqueResourceName(scope, { maxLength: 100, separator: '-' }),
    comment: 'All that the viewer sent, but for Host and what the edge sets',
    headerBehavior: cloudfront.OriginRequestHeaderBehavior.denyList(
      'host',
      LANGUAGE_HEADER,
      IMAGE_FORMAT_HEADER,
    ),
    queryStringBehavior: cloudfront.OriginRequestQueryStringBehavior.all(),
    cookieBehavior: cloudfront.OriginRequestCookieBehavior.all(),
  });
}

/** For every answer. */
export function securityHeaders(
  scope: Construct,
  contentSecurityPolicy: string | undefined,
): cloudfront.ResponseHeadersPolicy {
  return responseHeaders(scope, 'SecurityHeaders', contentSecurityPolicy);
}

/** The same for cached answers that are shared without one viewer's cookies. */
export function securityHeadersWithoutCookies(
  scope: Construct,
  contentSecurityPolicy: string | undefined,
): cloudfront.ResponseHeadersPolicy {
  return responseHeaders(scope, 'SecurityHeadersOfCached', contentSecurityPolicy, ['Set-Cookie']);
}

function responseHeaders(
  scope: Construct,
  id: string,
  contentSecurityPolicy: string | undefined,
  removeHeaders?: string[],
): cloudfront.ResponseHeadersPolicy {
  const name = Names.uniqueResourceName(scope, { maxLength: 100, separator: '-' });
  return new cloudfront.ResponseHeadersPolicy(scope, id, {
    responseHeadersPolicyName: removeHeaders ? `${name}-cached` : name,
    comment: removeHeaders
      ? `Security headers, and no ${removeHeaders.join(', ')}`
      : 'Security headers',
    removeHeaders,
    securityHeadersBehavior: {
      strictTransportSecurity: {
        accessControlMaxAge: HSTS_MAX_AGE,
        includeSubdomains: true,
        override: true,
      },
      contentTypeOptions: { override: true },
      frameOptions: { frameOption: cloudfront.HeadersFrameOption.DENY, override: true },
      referrerPolicy: {
        referrerPolicy: cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN,
        override: true,
      },
      // A page knows better than the edge what it loads.
      contentSecurityPolicy:
        contentSecurityPolicy === undefined
          ? undefined
          : { contentSecurityPolicy, override: false },
    },
  });
}
