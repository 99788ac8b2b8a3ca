import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Names, RemovalPolicy } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { invalidValue } from '../../../model/errors';
import { handlerDirectory, keptLogGroup } from '../../house-rules';
import { requireCloudFrontRegion } from '../cloudfront-region';

/**
 * "Quotas on CloudFront Functions", Amazon CloudFront developer guide: bytes of a function's code.
 * CDK does not check it.
 */
const MAX_FUNCTION_BYTES = 10_240;

/**
 * What stands in the bundle where the settings belong, once: a name that its minifier does not know
 * and therefore keeps.
 */
const SETTINGS_PLACE = 'ISOCHRONE_SETTINGS';

/** Properties of a {@link ViewerFunction}. */
export interface ViewerFunctionProps {
  /** The handler's folder under `lambda-edge/`, with a `viewer-function.ts` in it. */
  readonly handler: string;
  /** Becomes a part of the code, because a CloudFront Function has no configuration beside it. */
  readonly settings: object;
  /** What the function does, as the console shows it; at most 128 characters. */
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
   * @default - none
   */
  readonly keyValueStore?: cloudfront.IKeyValueStore;
  /**
   * How long its log is kept, which has a line where something failed.
   *
   * @default logs.RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: logs.RetentionDays;
  /**
   * Encrypts the log group. A key of this app gets the statement that CloudWatch Logs needs; an
   * imported one must have it.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;
  /**
   * What happens to the log group when it leaves the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * One CloudFront Function for viewer events, from the same cores as the Lambda@Edge functions, with
 * its settings in the code. It is published as soon as it changes.
 *
 * Use it where an origin is a VPC origin, or where one Lambda@Edge invocation a request is too
 * dear. A behaviour takes one kind of function for its viewer events: with this one on viewer
 * requests, Lambda@Edge cannot be on viewer responses.
 *
 * @throws IsochroneError if the stack is not in us-east-1, the handler was not built, or the code
 * with the settings is larger than 10,240 bytes
 */
export class ViewerFunction extends Construct {
  /** What a behaviour associates, with `functionAssociations`. */
  public readonly function: cloudfront.Function;
  /** Made ahead of the function: CloudFront would make one that never expires. */
  public readonly logGroup: logs.ILogGroup;

  constructor(scope: Construct, id: string, props: ViewerFunctionProps) {
    super(scope, id);
    requireCloudFrontRegion(this, 'CloudFront Functions are made in us-east-1 only.');
    const bundle = readFileSync(
      join(handlerDirectory(`${props.handler}.viewer-function`), 'index.js'),
      'utf8',
    );
    const code = bundle.replace(SETTINGS_PLACE, () => asciiJson(props.settings));
    const bytes = Buffer.byteLength(code);
    if (bytes > MAX_FUNCTION_BYTES) {
      throw invalidValue(this, {
        property: 'settings',
        value: `${bytes} bytes of code, of which ${bytes - Buffer.byteLength(bundle) + SETTINGS_PLACE.length} are settings`,
        allowed: `small enough for ${MAX_FUNCTION_BYTES} bytes together`,
        rule: 'CloudFront takes no larger function, and AWS does not raise that quota.',
        fix: 'Join path patterns with wildcards, deny fewer query parameters, or use an EdgeFunction, whose settings lie beside its code.',
      });
    }
    const functionName =
      props.functionName ?? Names.uniqueResourceName(this, { maxLength: 64, separator: '-' });
    this.logGroup = keptLogGroup(this, 'LogGroup', {
      logGroupName: `/aws/cloudfront/function/${functionName}`,
      retention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      encryptionKey: props.logEncryptionKey,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
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

/**
 * JSON that is a JavaScript expression of one byte a character, so that it reads the same in every
 * encoding.
 */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
