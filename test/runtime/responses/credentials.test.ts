import { CredentialRule } from '../../../lib/runtime/responses/credentials';

const rule = new CredentialRule();
const words = (text: string) => text.trim().split(/\s+/);

/** What browsers, CDNs, load balancers, meshes, gateways and services call credentials. */
const CREDENTIALS = words(`
  authorization proxy-authorization dpop authentication cookie2 x-wsse sudo signature
  signature-input secure-session-response client-cert client-cert-chain
  x-api-key api-key apikey x-apikey x_api_key x-key x-mykey x-rapidapi-key x-functions-key
  ocp-apim-subscription-key x-ibm-client-id x-client-id x-device-id x-partner-id
  x-amzn-oidc-identity x-amzn-oidc-data x-amzn-oidc-accesstoken x-amz-security-token
  x-amzn-mtls-clientcert x-amzn-mtls-clientcert-subject cloudfront-viewer-cert-serial-number
  x-auth-user x-auth-token x-access-token x-accesstoken x-id-token private-token job-token
  x-vault-token x-plex-token x-shopify-access-token token auth key secret user session
  x-forwarded-user x-forwarded-email x-forwarded-groups x-forwarded-preferred-username
  x-forwarded-access-token x-forwarded-client-cert x-arr-clientcert ssl-client-verify
  x-ssl-client-dn x-client-verify remote-user x-remote-user x-remote-group impersonate-user
  cf-access-jwt-assertion cf-access-client-id cf-access-authenticated-user-email
  x-goog-iap-jwt-assertion x-goog-authenticated-user-id x-goog-user-project
  x-ms-client-principal x-ms-client-principal-id x-ms-token-aad-id-token
  x-csrf-token x-xsrf-token x-session x-session-id x-sessionid x-sid x-sso x-otp x-jwt x-nonce
  x-consumer-username x-anonymous-consumer x-authenticated-userid x-authentik-uid x-realm
  x-pomerium-jwt-assertion tailscale-user-login x-webauth-user x-endpoint-api-userinfo
  x-parse-session-token x-hasura-role x-vercel-oidc-token x-hub-signature x-impersonate
  x-on-behalf-of x-act-as x-tenant x-tenant-id x-customer-id x-account x-org x-org-id
  x-scope-orgid x-grafana-org-id openai-organization openai-project x-workspace-id x-profile-id
  x-user x-user-id x-userid x-username x-loggedinuser x-email x-principal x-identity x-subject
  x-role x-roles x-groups x-uid x-caller x-owner x-secret x-password x-passport x-login`);

/** Headers of ordinary requests, some with a word of a credential in their names. */
const ORDINARY = words(`
  user-agent x-user-agent x-amz-user-agent sec-fetch-user sec-websocket-key sec-ch-ua
  sec-ch-ua-platform sec-fetch-site sec-gpc sec-purpose dnt idempotency-key accept accept-encoding
  accept-language accept-version if-none-match if-modified-since cache-control pragma connection
  keep-alive te upgrade-insecure-requests save-data priority purpose content-type content-length
  host origin referer from via forwarded early-data last-event-id http2-settings expect
  access-control-request-method access-control-request-headers viewport-width device-memory rtt
  x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-ssl x-real-ip
  true-client-ip x-client-ip client-ip fastly-client-ip fly-client-ip x-remote-addr x-remote-ip
  x-request-id x-correlation-id x-amzn-trace-id x-amz-cf-id x-amzn-tls-version
  x-amzn-tls-cipher-suite x-ssl-cipher traceparent tracestate baggage sentry-trace x-b3-traceid
  x-b3-spanid x-datadog-trace-id x-cloud-trace-context x-newrelic-id cloudfront-viewer-address
  cloudfront-viewer-country cloudfront-viewer-tls cloudfront-is-mobile-viewer cf-ray cf-visitor
  cf-connecting-ip cf-ipcountry cdn-loop x-akamai-edgescape x-azure-ref x-arr-log-id x-arr-ssl
  x-site-deployment-id x-vercel-id x-nf-request-id x-appengine-country x-ms-request-id
  x-envoy-external-address x-envoy-expected-rq-timeout-ms x-requested-with x-app-version
  x-client-version x-client-data x-device-type x-platform x-locale x-timezone x-keyword x-author
  x-concert x-page-token x-currency x-experiment-id x-playback-session-id x-wap-profile
  :authority :path`);

test.each(CREDENTIALS)('the header %s is a credential', (name) => {
  expect(rule.header(name)).toBe(true);
});

test.each(ORDINARY)('the header %s is no credential', (name) => {
  expect(rule.header(name)).toBe(false);
});

test('names can be added and removed, also by their beginning', () => {
  const own = new CredentialRule({
    count: ['X-Seat', 'x-acme-*', 'idempotency-key'],
    ignore: ['X-Prerender-Token', 'x-user-*', 'x-acme-version'],
  });
  const counted = ['x-seat', 'x-acme-badge', 'idempotency-key', 'x-user', 'x-auth-token'];
  const ignored = ['x-seats', 'x-prerender-token', 'x-user-region', 'x-acme-version'];
  expect(counted.filter((name) => !own.header(name))).toEqual([]);
  expect(ignored.filter((name) => own.header(name))).toEqual([]);
  expect(own.parameter('x-seat', true)).toBe(true);
  expect(own.parameter('x-user-token', false)).toBe(false);
});

test.each<[name: string, isInKey: boolean, isOutside: boolean]>([
  ['access_token', true, true],
  ['accessToken', true, true],
  ['api-key', true, true],
  ['X-Amz-Signature', true, true],
  ['auth[token]', true, true],
  ['sig', true, true],
  ['jsessionid', true, true],
  // In the key, two values never share a response.
  ['token', false, true],
  ['tokens', false, true],
  ['userId', false, true],
  ['tenant', false, true],
  ['key', false, true],
  ['utm_user', false, false],
  ['keyword', false, false],
  ['pageToken', false, false],
  ['author', false, false],
  ['fbclid', false, false],
  ['symbols', false, false],
])('the parameter %s: in the key %s, outside it %s', (name, isInKey, isOutside) => {
  expect([rule.parameter(name, true), rule.parameter(name, false)]).toEqual([isInKey, isOutside]);
});

test.each<[name: string, handsOut: boolean]>([
  ['set-cookie2', true],
  ['x-auth-token', true],
  ['x-csrf-token', true],
  ['authentication-info', true],
  ['x-next-page-token', false],
  ['access-control-allow-credentials', false],
  ['surrogate-key', false],
  ['x-user-count', false],
])('the response header %s hands out a credential: %s', (name, handsOut) => {
  expect(rule.handsOut(name)).toBe(handsOut);
});

test('names that clients invent do not fill the memory', () => {
  for (let i = 0; i < 5000; i++) rule.header(`x-invented-${i}`);
  expect(rule.header('x-invented-token')).toBe(true);
  expect((rule as unknown as { headers: Map<string, boolean> }).headers.size).toBe(2000);
});
