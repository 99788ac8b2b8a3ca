/**
 * `Accept-Encoding` as CloudFront normalizes it for the cache key and the origin, if the cache
 * policy enables compressed objects: "Caching compressed objects" in "Understand cache policies",
 * Amazon CloudFront developer guide.
 */
import type { CachePolicyModel } from '../distribution';

/** @returns `br,gzip`, `gzip`, `br`, or undefined if CloudFront removes the header */
export function normalizedAcceptEncoding(
  values: readonly string[] | undefined,
  policy: Pick<CachePolicyModel, 'gzip' | 'brotli'>,
): string | undefined {
  if (values === undefined || !(policy.gzip || policy.brotli)) return undefined;
  const accepted = values.flatMap((value) => value.split(',')).map(acceptedCoding);
  const codings = [
    policy.brotli && accepted.includes('br') && 'br',
    policy.gzip && accepted.includes('gzip') && 'gzip',
  ];
  return codings.filter(Boolean).join(',') || undefined;
}

/** The name of an accepted coding. A weight of 0 rejects it: RFC 9110, 12.4.2. */
function acceptedCoding(element: string): string | undefined {
  const [coding = '', ...parameters] = element.split(';').map((part) => part.trim().toLowerCase());
  return parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter)) ? undefined : coding;
}
