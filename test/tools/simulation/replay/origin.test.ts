import type { Assembly, TemplateResource } from '../../../../lib/tools/assembly/assembly';
import { edgeFunctionRunner } from '../../../../lib/tools/simulation/functions/runner';
import { requestPath } from '../../../../lib/tools/simulation/path/request-path';
import { loggedOrigin, originRegions } from '../../../../lib/tools/simulation/replay/origin';
import { distribution, SITE } from '../fixtures';
import { cached, record } from './fixture';

function stack(
  path: string,
  region: string,
  resources: Readonly<Record<string, TemplateResource>> = {},
): Assembly['stacks'][number] {
  return {
    path,
    stackName: path.replace('/', '-'),
    region,
    dependsOn: [],
    template: { Resources: resources },
  };
}

const latencyRecord = (region: string): TemplateResource => ({
  Type: 'AWS::Route53::RecordSet',
  Properties: { Name: 'site.example.com.', Region: region, SetIdentifier: region },
});

describe('the region of an origin', () => {
  const of = distribution();
  const plain: Assembly = { directory: 'cdk.out', stacks: [stack('app/Edge', 'eu-central-1')] };
  const routed: Assembly = {
    directory: 'cdk.out',
    stacks: [
      ...plain.stacks,
      ...['us-east-1', 'ap-southeast-1'].map((region) =>
        stack(`app/${region}`, region, { Read: latencyRecord(region) }),
      ),
    ],
  };
  const byRecords = originRegions(routed, of);
  const byStack = originRegions(plain, of);
  const given = originRegions(routed, of, 'us-west-2');
  const shielded = { ...SITE, domainName: 'other.example.com', shieldRegion: 'eu-west-2' };

  test.each<[string, string, string]>([
    ['is the nearest of its latency records', byRecords(SITE, 'ap-northeast-1'), 'ap-southeast-1'],
    ['is the nearest to the requesting cache', byRecords(SITE, 'sa-east-1'), 'us-east-1'],
    ['is that of its shield without records', byRecords(shielded, 'sa-east-1'), 'eu-west-2'],
    ['is that of the distribution without a shield', byStack(SITE, 'sa-east-1'), 'eu-central-1'],
    ['is the given region if there is one', given(SITE, 'sa-east-1'), 'us-west-2'],
  ])('%s', (_, region, expected) => {
    expect(region).toBe(expected);
  });
});

describe('the origin of a log', () => {
  const fallback = { ...SITE, id: 'fallback', domainName: 'fallback.example.com' };
  const grouped = distribution({
    behaviors: [cached('*', {}, { originId: 'group' })],
    origins: { site: SITE, fallback },
    originGroups: {
      group: { id: 'group', memberIds: ['site', 'fallback'], failoverStatusCodes: [503] },
    },
  });
  const path = requestPath(grouped, edgeFunctionRunner());
  const origin = loggedOrigin(path, () => 'us-east-1', [{ pattern: '/a', value: 'max-age=1' }]);
  const ask = async (url: string, more: object) => {
    const logged = record(0, url, { originMs: 10, ...more });
    const request = {
      method: 'GET',
      host: 'www.example.com',
      path: url,
      query: '',
      headers: {},
      clientAddress: '',
    };
    return origin(
      await path.prepare(request, { pop: 'IAD', regional: 'us-east-1' }, 'https'),
      logged,
    );
  };

  test('sends the logged response, with the assumed caching header', async () => {
    const { response, requests, bytes } = await ask('/a', { contentType: 'text/html' });
    expect(response).toMatchObject({
      status: 200,
      bodyBytes: 100,
      headers: { 'content-type': ['text/html'], 'cache-control': ['max-age=1'] },
    });
    expect({ requests, bytes }).toEqual({ requests: 1, bytes: 100 });
    expect((await ask('/b', {})).response.headers).not.toHaveProperty('cache-control');
  });

  test.each([206, 304])('sends the object for a logged %i', async (status) => {
    expect((await ask('/a', { status })).response.status).toBe(200);
  });

  test('gets two requests if the group fails over, which takes twice as long', async () => {
    const [once, twice] = [await ask('/a', { status: 500 }), await ask('/a', { status: 503 })];
    expect([once.requests, twice.requests]).toEqual([1, 2]);
    expect(twice.tookMs).toBe(2 * once.tookMs);
  });
});
