import { ArnFormat, Aws, Stack } from 'aws-cdk-lib';
import type * as codebuild from 'aws-cdk-lib/aws-codebuild';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { acknowledge, wildcardFinding } from '../../house-rules';

/** What the rule packs find on the project and its role, and why it is so. */
export function acknowledgeProject(
  project: codebuild.Project,
  role: iam.Role,
  encryptionKey: kms.IKey | undefined,
): void {
  const logArn = Stack.of(role).formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: `/aws/codebuild/${project.projectName}:*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  const inline = ['NIST.800.53.R5-IAMNoInlinePolicy', 'PCI.DSS.321-IAMNoInlinePolicy'];
  const why =
    'What the project may do stands in policies of its role, as CDK writes them. They serve this role only and go with it.';
  acknowledge(role, why, ...inline);
  acknowledge(project, why, ...inline);
  acknowledge(
    role,
    "CDK's own grant to read this one archive: the actions read, the object is named, and the bucket is that of CDK's assets.",
    'AwsSolutions-IAM5[Action::s3:GetBucket*]',
    'AwsSolutions-IAM5[Action::s3:GetObject*]',
    'AwsSolutions-IAM5[Action::s3:List*]',
  );
  acknowledge(
    role,
    'CodeBuild makes a network interface in the subnets for each build, whose id nobody knows before. Permission is given to CodeBuild alone, for these subnets.',
    wildcardFinding(
      role,
      `arn:${Aws.PARTITION}:ec2:${Aws.REGION}:${Aws.ACCOUNT_ID}:network-interface/*`,
    ),
  );
  acknowledge(
    role,
    'The streams of one log group: CodeBuild names one for each build.',
    wildcardFinding(role, logArn),
  );
  acknowledge(
    project,
    'Creating and deleting the network interface of a build, and describing networks, take no resources: "Allow CodeBuild access to AWS services required to create a VPC network interface", AWS CodeBuild user guide.',
    'AwsSolutions-IAM5[Resource::*]',
  );
  acknowledge(
    project,
    'The source is an archive of S3. The rule is about GitHub and Bitbucket, and cannot read the name of a bucket that is known at deployment.',
    'NIST.800.53.R5-CodeBuildProjectSourceRepoUrl',
    'PCI.DSS.321-CodeBuildProjectSourceRepoUrl',
  );
  if (encryptionKey === undefined) {
    acknowledge(
      project,
      "A run makes no artifacts; CodeBuild encrypts what it keeps with AWS's key for S3. Give `logEncryptionKey` for a key of your own.",
      'AwsSolutions-CB4',
    );
    return;
  }
  acknowledge(
    role,
    "CDK's own grant to encrypt and decrypt: the names stand for two actions each, and the key is named.",
    'AwsSolutions-IAM5[Action::kms:GenerateDataKey*]',
    'AwsSolutions-IAM5[Action::kms:ReEncrypt*]',
  );
}
