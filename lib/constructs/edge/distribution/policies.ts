import { Duration, Names } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type { Construct } from 'constructs';
import { IMAGE_FORMAT_HEADER, LANGUAGE_HEADER } from '../tiers';

/** Two years, as the preload lists of browsers require. */
const HSTS_MAX_AGE = Duration.days(730);

/**
 * The origin request policy of uncached paths: everything that the viewer sent, except `Host`,
 * which is the origin's, and the headers that only the edge functions may set, so that an origin
 * can trust them.
 */
export function viewerRequestPolicy(scope: Construct): cloudfront.OriginRequestPolicy {
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

/** The response headers policy of all other paths. */
export function securityHeaders(
  scope: Construct,
  contentSecurityPolicy: string | undefined,
): cloudfront.ResponseHeadersPolicy {
  return responseHeaders(scope, 'SecurityHeaders', contentSecurityPolicy);
}

/** The same for cached responses, from which it also removes cookies. */
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
      // A policy that the page sends wins: the page knows what it loads.
      contentSecurityPolicy:
        contentSecurityPolicy === undefined
          ? undefined
          : { contentSecurityPolicy, override: false },
    },
  });
}
