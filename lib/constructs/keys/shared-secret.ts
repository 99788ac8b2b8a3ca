import { RemovalPolicy, SecretValue, Stack, Token } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { invalidValue } from '../../model/errors';
import {
  acknowledgeNoRotation,
  copySecret,
  ONE_COPY_PER_REGION,
  type RemovableProps,
  withFixedName,
} from '../house-rules';

/** A region with a copy of the secret. */
export interface SharedSecretRegion {
  /** The region, such as `ap-southeast-1`. */
  readonly region: string;
  /**
   * The key of the copy in that region: an alias such as `alias/market/region`, or an ARN. The key
   * must exist before this secret is deployed.
   */
  readonly encryptionKey: string;
}

/** Properties of a {@link SharedSecret}. */
export interface SharedSecretProps extends RemovableProps {
  /** The name, the same in every region. Changing it replaces the secret. */
  readonly secretName: string;
  /** The purpose of the secret, for operators who read it in the console. */
  readonly description: string;
  /** The key of the original, in this stack's region. */
  readonly encryptionKey: kms.IKey;
  /**
   * The value until an operator puts another one. It must not be confidential, because it is in the
   * template. CloudFormation writes it again only when it changes here.
   *
   * @default - 64 generated letters and digits
   */
  readonly initialValue?: string;
  /**
   * The regions that get a copy.
   *
   * @default - only the region of the stack has the secret
   */
  readonly regions?: readonly SharedSecretRegion[];
  /**
   * Why the secret is not rotated automatically. It becomes the acknowledgement of that finding,
   * for security reviewers. Rotation by hand is always possible: put a new value, and deploy the
   * stacks that use it with the id of the new version.
   */
  readonly withoutRotationBecause: string;
}

/**
 * A secret with the same name in several regions. Its value is 64 generated letters and digits, or
 * what an operator puts.
 *
 * @throws IsochroneError if Secrets Manager would mistake the name for an ARN, or a region is named
 * twice or is the region of the stack
 */
export class SharedSecret extends Construct {
  /** The original of the secret, in the region of the stack. */
  public readonly secret: secretsmanager.Secret;

  constructor(scope: Construct, id: string, props: SharedSecretProps) {
    super(scope, id);
    const regions = props.regions ?? [];
    this.checkName(props.secretName);
    this.checkRegions(regions);
    this.secret = new secretsmanager.Secret(this, 'Secret', {
      secretName: props.secretName,
      description: props.description,
      encryptionKey: props.encryptionKey,
      ...(props.initialValue === undefined
        ? { generateSecretString: { passwordLength: 64, excludePunctuation: true } }
        : { secretStringValue: SecretValue.unsafePlainText(props.initialValue) }),
      removalPolicy: withFixedName(props.removalPolicy ?? RemovalPolicy.RETAIN),
    });
    copySecret(this.secret, regions);
    acknowledgeNoRotation(this.secret, props.withoutRotationBecause);
  }

  private checkName(secretName: string): void {
    if (
      Token.isUnresolved(secretName) ||
      /^(?!.*-.{6}$)[A-Za-z0-9/_+=.@-]{1,512}$/.test(secretName)
    )
      return;
    throw invalidValue(this, {
      property: 'secretName',
      value: secretName,
      allowed:
        '1 to 512 letters, digits and /_+=.@- that do not end in a hyphen and six characters',
      rule: 'Secrets Manager mistakes such a suffix for that of an ARN, and finds no secret.',
      fix: 'Lengthen or shorten the last word.',
    });
  }

  private checkRegions(regions: readonly SharedSecretRegion[]): void {
    const names = [Stack.of(this).region, ...regions.map(({ region }) => region)];
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice === undefined) return;
    throw invalidValue(this, {
      property: 'regions',
      value: twice,
      allowed: 'other regions than that of the stack, each named once',
      rule: ONE_COPY_PER_REGION,
      fix: `Leave ${twice} out.`,
    });
  }
}
