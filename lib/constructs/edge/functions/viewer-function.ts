import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Names } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { CLOUDFRONT } from '../../../model/aws';
import { invalidValue } from '../../../model/errors';
import { handlerDirectory, type LoggedProps, loggedGroup } from '../../house-rules';
import { requireCloudFrontRegion } from '../cloudfront-region';

/**
 * The placeholder of the settings, which the bundle contains once: a free variable, whose name the
 * minifier therefore keeps.
 */
const SETTINGS_PLACEHOLDER = 'ISOCHRONE_SETTINGS';

/** Properties of a {@link ViewerFunction}. */
export interface ViewerFunctionProps extends LoggedProps {
  /** The handler's folder under `lambda-edge/`, with a `viewer-function.ts` in it. */
  readonly handler: string;
  /** The settings. They become part of the code: a CloudFront Function has no configuration. */
  readonly settings: object;
  /** The description of the function in the console, at most 128 characters. */
  readonly description: string;
  /**
   * The name of the function: at most 64 letters, digits, `-` and `_`. Another name replaces the
   * function.
   *
   * @default - generated from the construct's path
   */
  readonly functionName?: string;
  /**
   * The key value store that the function may read.
   *
   * @default - no key value store
   */
  readonly keyValueStore?: cloudfront.IKeyValueStore;
}

/**
 * One CloudFront Function for viewer events, from the same cores as the Lambda@Edge functions, with
 * its settings in the code. It is published as soon as it changes. Its log has a line for each
 * failure and is kept for three months by default.
 *
 * Use it if an origin is a VPC origin, or if a Lambda@Edge invocation for each request is too
 * expensive. A behavior takes one kind of function for its viewer events: with a CloudFront
 * Function on viewer requests, Lambda@Edge cannot run on viewer responses.
 *
 * @throws IsochroneError if the stack is not in us-east-1, the handler was not built, or the code
 * with the settings is larger than 10,240 bytes
 */
export class ViewerFunction extends Construct {
  /** The function, for the `functionAssociations` of a behavior. */
  public readonly function: cloudfront.Function;
  /**
   * Created before the function, because CloudFront would create a log group that never expires.
   */
  public readonly logGroup: logs.ILogGroup;

  constructor(scope: Construct, id: string, props: ViewerFunctionProps) {
    super(scope, id);
    requireCloudFrontRegion(this, 'CloudFront Functions are created in us-east-1 only.');
    const bundle = readFileSync(
      join(handlerDirectory(`${props.handler}.viewer-function`), 'index.js'),
      'utf8',
    );
    const code = bundle.replace(SETTINGS_PLACEHOLDER, () => asciiJson(props.settings));
    // CDK does not check the quota.
    const bytes = Buffer.byteLength(code);
    if (bytes > CLOUDFRONT.functionBytes) {
      const ofSettings = bytes - Buffer.byteLength(bundle) + SETTINGS_PLACEHOLDER.length;
      throw invalidValue(this, {
        property: 'settings',
        value: `${bytes} bytes of code, of which ${ofSettings} are settings`,
        allowed: `small enough for ${CLOUDFRONT.functionBytes} bytes together`,
        rule: 'CloudFront takes no larger function, and AWS does not raise that quota.',
        fix:
          'Join path patterns with wildcards, deny fewer query parameters, or use an ' +
          'EdgeFunction, which keeps its settings in a file beside its code.',
      });
    }
    const functionName =
      props.functionName ?? Names.uniqueResourceName(this, { maxLength: 64, separator: '-' });
    this.logGroup = loggedGroup(this, 'LogGroup', {
      ...props,
      logGroupName: `/aws/cloudfront/function/${functionName}`,
      defaultRetention: logs.RetentionDays.THREE_MONTHS,
    });
    this.function = new cloudfront.Function(this, 'Function', {
      functionName,
      comment: props.description,
      runtime: cloudfront.FunctionRuntime.JS_2_0,
      keyValueStore: props.keyValueStore,
      code: cloudfront.FunctionCode.fromInline(code),
    });
    this.function.node.addDependency(this.logGroup);
  }
}

/** JSON in ASCII, which is the same JavaScript expression in every encoding. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
