/** Assemblies whose edge functions are given as code. */
import type { Assembly } from '../../../../lib/tools/assembly/assembly';
import { readDistribution } from '../../../../lib/tools/simulation/distribution/read';
import { assemblyOf, DEFAULT_BEHAVIOR, distributionResource } from '../fixtures';

/** A viewer-request function that continues with the request. */
export const CONTINUE = 'return event.Records[0].cf.request;';

/** An assembly whose Lambda@Edge function `Foreign` has this code, as an asset. */
export function foreignAssembly(code: string, event = 'viewer-request'): Assembly {
  return assemblyOf(
    {
      Site: distributionResource({
        DefaultCacheBehavior: {
          ...DEFAULT_BEHAVIOR,
          LambdaFunctionAssociations: [{ EventType: event, LambdaFunctionARN: { Ref: 'Version' } }],
        },
      }),
      Version: { Type: 'AWS::Lambda::Version', Properties: { FunctionName: { Ref: 'Foreign' } } },
      Foreign: {
        Type: 'AWS::Lambda::Function',
        Properties: { Runtime: 'nodejs24.x', Handler: 'index.handler', Code: {}, Timeout: 1 },
        Metadata: { 'aws:asset:path': 'asset.foreign' },
      },
    },
    { 'asset.foreign/index.js': code },
  );
}

/** An assembly whose CloudFront Function `Foreign` has this code. */
export function foreignViewerFunction(code: string): Assembly {
  return assemblyOf({
    Site: distributionResource({
      DefaultCacheBehavior: {
        ...DEFAULT_BEHAVIOR,
        FunctionAssociations: [
          {
            EventType: 'viewer-request',
            FunctionARN: { 'Fn::GetAtt': ['Foreign', 'FunctionARN'] },
          },
        ],
      },
    }),
    Foreign: {
      Type: 'AWS::CloudFront::Function',
      Properties: { FunctionCode: code, FunctionConfig: { Runtime: 'cloudfront-js-2.0' } },
    },
  });
}

export const distributionOf = (assembly: Assembly) => readDistribution(assembly);

/**
 * Code that escapes from its context: it replaces a method of all event emitters of the process, and
 * causes an event of `process`. Then `attempt(process)` is called for each request, and what it
 * returns or throws becomes the error of the function.
 */
export function escaped(attempt: string): string {
  return `
    let found;
    let emitter = require('zlib').createGzip();
    while (!Object.hasOwn(emitter, 'listenerCount')) emitter = Object.getPrototypeOf(emitter);
    const { emit } = emitter;
    emitter.emit = function (...args) {
      if (this && this.pid) found = this;
      return found === this || emit.apply(this, args);
    };
    const attempt = ${attempt};
    exports.handler = async () => {
      if (!found) {
        Promise.reject(new Error('the way out'));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(found ? 'Escaped: ' + (await attempt(found)) : 'No escape.');
    };`;
}
