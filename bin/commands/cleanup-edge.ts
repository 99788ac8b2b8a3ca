import { setTimeout as sleep } from 'node:timers/promises';
import { CLOUDFRONT_REGION } from '../../lib/model/aws';
import { IsochroneError } from '../../lib/model/errors';
import { cleanUpEdge, type EdgeFunctionsApi, formatEdgeCleanup } from '../../lib/tools/account';
import { print } from '../output';
import { awsClient } from './aws-client';
import { type Command, formatUsage, readOptions } from './command';
import type { Load } from './optional-package';

export const cleanupEdge: Command = {
  name: 'cleanup-edge',
  usage: formatUsage({
    synopsis: 'cleanup-edge --prefix NAME [--region us-east-1] [--delete]',
    about:
      'List the Lambda@Edge functions that their stacks retained and no distribution uses. It ' +
      'needs credentials.',
    options: {
      '--prefix NAME': "the prefix of the functions' names; required",
      '--region R': 'the region of the functions; only us-east-1, the default',
      '--delete': 'delete the functions; Lambda keeps those with remaining replicas',
    },
    exitCodes:
      '0 for success, 1 if a function was not deleted, 2 if it is unknown whether one was deleted.',
  }),

  async run(args) {
    const { prefix, region, ...options } = readOptions(args, cleanupEdge, {
      prefix: { type: 'string' },
      region: { type: 'string', default: CLOUDFRONT_REGION },
      delete: { type: 'boolean', default: false },
    });
    if (prefix === undefined)
      throw new IsochroneError(`isochrone: --prefix is required.\n\n${cleanupEdge.usage}`);
    if (region !== CLOUDFRONT_REGION) {
      throw new IsochroneError(
        `--region must be ${CLOUDFRONT_REGION}, got ${JSON.stringify(region)}.\n` +
          'Lambda@Edge functions exist only there. ' +
          'Other regions have replicas, which CloudFront removes itself.',
      );
    }
    const cleanup = await cleanUpEdge(edgeFunctionsApi(region), {
      prefix,
      delete: options.delete,
      sleep,
      random: Math.random,
    });
    print(formatEdgeCleanup(cleanup, prefix));
    const outcomes = cleanup.entries.map(({ outcome }) => outcome);
    return outcomes.includes('unknown') ? 2 : outcomes.includes('failed') ? 1 : 0;
  },
};

interface LambdaFunction {
  readonly FunctionName: string;
  readonly FunctionArn: string;
  readonly PackageType?: string;
  readonly Architectures?: readonly string[];
  readonly Environment?: { readonly Variables?: object };
  readonly VpcConfig?: { readonly VpcId?: string };
  readonly Layers?: readonly object[];
  readonly DeadLetterConfig?: { readonly TargetArn?: string };
}

interface Behavior {
  readonly LambdaFunctionAssociations?: {
    readonly Items?: readonly { readonly LambdaFunctionARN: string }[];
  };
}

interface DistributionSummary {
  readonly Id: string;
  readonly DefaultCacheBehavior?: Behavior;
  readonly CacheBehaviors?: { readonly Items?: readonly Behavior[] };
}

interface StackResource {
  readonly StackName: string;
  readonly PhysicalResourceId?: string;
  readonly ResourceStatus: string;
}

/**
 * AWS through its SDK.
 *
 * @throws IsochroneError if a package of the SDK is not installed
 */
export function edgeFunctionsApi(region: string, load?: Load): EdgeFunctionsApi {
  const lambda = caller(load, region, 'lambda', 'LambdaClient');
  const cloudFront = caller(load, region, 'cloudfront', 'CloudFrontClient');
  const cloudFormation = caller(load, region, 'cloudformation', 'CloudFormationClient');
  return {
    async listFunctions(marker) {
      const page = await lambda<{ Functions?: LambdaFunction[]; NextMarker?: string }>(
        'ListFunctionsCommand',
        { Marker: marker },
      );
      return {
        items: (page.Functions ?? []).map(functionFacts),
        next: page.NextMarker || undefined,
      };
    },
    async listVersions(functionName, marker) {
      const input = { FunctionName: functionName, Marker: marker };
      const page = await lambda<{ Versions?: { Version: string }[]; NextMarker?: string }>(
        'ListVersionsByFunctionCommand',
        input,
      );
      return {
        items: (page.Versions ?? []).map(({ Version }) => Version),
        next: page.NextMarker || undefined,
      };
    },
    async listTags(functionArn) {
      const { Tags } = await lambda<{ Tags?: Record<string, string> }>('ListTagsCommand', {
        Resource: functionArn,
      });
      return Tags ?? {};
    },
    async describeStackResource(stackId, logicalId) {
      const input = { StackName: stackId, LogicalResourceId: logicalId };
      const { StackResourceDetail: detail } = await cloudFormation<{
        StackResourceDetail: StackResource;
      }>('DescribeStackResourceCommand', input);
      return stackResourceFacts(detail);
    },
    async describeStackResources(physicalId) {
      const input = { PhysicalResourceId: physicalId };
      const { StackResources } = await cloudFormation<{ StackResources?: StackResource[] }>(
        'DescribeStackResourcesCommand',
        input,
      );
      return (StackResources ?? []).map(stackResourceFacts);
    },
    async listDistributions(marker) {
      const { DistributionList: list } = await cloudFront<{
        DistributionList?: { Items?: DistributionSummary[]; NextMarker?: string };
      }>('ListDistributionsCommand', { Marker: marker });
      return {
        items: (list?.Items ?? []).map((each) => ({
          id: each.Id,
          functionArns: functionArns(each),
        })),
        next: list?.NextMarker || undefined,
      };
    },
    async deleteFunction(functionName) {
      await lambda('DeleteFunctionCommand', { FunctionName: functionName });
    },
  };
}

const SERVICES = ['lambda', 'cloudfront', 'cloudformation'] as const;

function caller(
  load: Load | undefined,
  region: string,
  service: (typeof SERVICES)[number],
  client: string,
) {
  const others = SERVICES.filter((each) => each !== service).map(
    (each) => `@aws-sdk/client-${each}`,
  );
  const packages = [`@aws-sdk/client-${service}`, ...others] as const;
  return awsClient({ command: 'cleanup-edge', packages, client, region, load });
}

/** Settings that "Restrictions on Lambda@Edge", Amazon CloudFront developer guide, excludes. */
function functionFacts(each: LambdaFunction) {
  const has: Readonly<Record<string, boolean>> = {
    'environment variables': Object.keys(each.Environment?.Variables ?? {}).length > 0,
    'a VPC': Boolean(each.VpcConfig?.VpcId),
    layers: (each.Layers?.length ?? 0) > 0,
    'a dead letter queue': Boolean(each.DeadLetterConfig?.TargetArn),
    'a container image': each.PackageType === 'Image',
    'the architecture arm64': each.Architectures?.includes('arm64') === true,
  };
  return {
    name: each.FunctionName,
    arn: each.FunctionArn,
    notAtTheEdge: Object.keys(has).filter((what) => has[what]),
  };
}

function stackResourceFacts({ StackName, PhysicalResourceId, ResourceStatus }: StackResource) {
  return { stackName: StackName, physicalId: PhysicalResourceId, status: ResourceStatus };
}

function functionArns({ DefaultCacheBehavior, CacheBehaviors }: DistributionSummary): string[] {
  return [DefaultCacheBehavior, ...(CacheBehaviors?.Items ?? [])].flatMap((behavior) =>
    (behavior?.LambdaFunctionAssociations?.Items ?? []).map(
      ({ LambdaFunctionARN }) => LambdaFunctionARN,
    ),
  );
}
