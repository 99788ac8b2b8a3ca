/**
 * What is used here of the module that the runtime brings: "Helper methods for origin modification"
 * and "Helper methods for key value stores", Amazon CloudFront developer guide.
 */
declare module 'cloudfront' {
  const cf: {
    /**
     * Where the function runs. `region` is that of the regional edge cache that a miss is expected
     * to go through.
     */
    readonly edgeLocation?: { readonly region?: string };
    /**
     * The store that is associated with the function. `get` rejects a key that it does not have.
     */
    kvs(): { get(key: string): Promise<string> };
    /** Another origin of the distribution, for this request. */
    selectRequestOriginById(originId: string): void;
  };
  export default cf;
}
