/**
 * The used part of the module that the runtime provides: "Helper methods for origin modification"
 * and "Helper methods for key value stores", Amazon CloudFront developer guide.
 */
declare module 'cloudfront' {
  const cf: {
    /**
     * Where the function runs. `region` is the region of the regional edge cache that a miss is
     * expected to pass through.
     */
    readonly edgeLocation?: { readonly region?: string };
    /** The store that is associated with the function. `get` rejects if there is no such key. */
    kvs(): { get(key: string): Promise<string> };
    /** Sends this request to another origin of the distribution. */
    selectRequestOriginById(originId: string): void;
  };
  export default cf;
}
