/**
 * The settings of a region: that what the stacks write is what the runtime takes, what it refuses,
 * and how it gets them.
 */
import { IsochroneError } from '../../../lib/model/errors';
import { parseSettings, strategiesOf } from '../../../lib/runtime/settings/document';
import { type ReadSettingsOptions, readSettings } from '../../../lib/runtime/settings/settings';
import { SETTINGS } from './runtime-settings';

/** The settings with one field, by its path, replaced, or removed if there is no value. */
function changed(path: string, value?: unknown): Record<string, unknown> {
  const copy = structuredClone(SETTINGS) as unknown as Record<string, unknown>;
  const parts = path.split('.');
  const last = parts.pop() as string;
  const parent = parts.reduce<Record<string, unknown>>(
    (at, part) => at[part] as Record<string, unknown>,
    copy,
  );
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}

describe('the document', () => {
  test('comes back as it was written', () => {
    expect(parseSettings(JSON.stringify(SETTINGS))).toEqual(SETTINGS);
  });

  test.each<[string, unknown, unknown, RegExp]>([
    ['version', 2, 1, /version must be 1, got 2/],
    ['region', '', 'x', /region must be text/],
    ['cache.port', 70_000, 65_535, /cache\.port must be a whole number from 1 to 65535, got 70000/],
    ['cache.tls', 'yes', false, /cache\.tls must be true or false/],
    ['cache.iam.userName', undefined, 'u', /cache\.iam\.userName must be text, got nothing/],
    ['cache.iam', null, undefined, /cache\.iam must be an object, got null/],
    [
      'database.writer',
      undefined,
      { host: 'h', port: 1, tls: 'require' },
      /database\.writer must be an object, got nothing/,
    ],
    ['database.writer.tls', 'none', 'require', /one of "verify-full", "verify-ca", "require"/],
    ['database.readers', [], undefined, /database\.readers must be an object/],
    ['database.poolers.read', 1, 'r', /database\.poolers\.read must be text/],
    ['database.pool.minConnections', 51, 50, /minConnections must be at most 50, got 51/],
    [
      'strategies.kpi.ttlSeconds',
      0,
      0.5,
      /strategies\.kpi\.ttlSeconds must be a number from 0.001/,
    ],
    ['strategies.kpi.refreshAhead', 1.5, 1, /refreshAhead/],
    [
      'strategies.kpi.ttl',
      5,
      undefined,
      /strategies\.kpi\.ttl must be absent, got 5\.\nKnown are prefix, ttlSeconds/,
    ],
    ['strategies.kpi.prefix', 'api:', 'kpis:', /must be another than that of/],
    ['strategies.quotes.ttlSeconds', undefined, 3, /strategies\.quotes\.ttlSeconds must be given/],
    ['invalidation.windowMs', 0.5, 0, /windowMs must be a whole number/],
  ])('%s: %j is refused, and %j is not', (path, wrong, right, message) => {
    expect(() => parseSettings(changed(path, wrong))).toThrow(IsochroneError);
    expect(() => parseSettings(changed(path, wrong))).toThrow(message);
    expect(() => parseSettings(changed(path, right))).not.toThrow();
  });

  test('that is no JSON, or no object, is refused by name', () => {
    expect(() => parseSettings('{', 'The parameter /x')).toThrow(
      /^The parameter \/x: the document must be JSON/,
    );
    expect(() => parseSettings('[]')).toThrow(
      /^The settings: the document must be an object, got \[\]/,
    );
  });

  test('takes any name for a strategy as a name', () => {
    const named = JSON.stringify(SETTINGS).replace('"kpi"', '"__proto__"');
    expect(JSON.stringify(parseSettings(named))).toBe(named);
  });

  test('of a newer deployment may say more', () => {
    expect(parseSettings({ ...SETTINGS, more: 1, cache: { ...SETTINGS.cache, more: 1 } })).toEqual(
      SETTINGS,
    );
  });
});

test('strategies are those of the library, as the deployment changes them, and its own', () => {
  const { kpi, api, quotes } = strategiesOf(parseSettings(SETTINGS));
  expect(kpi).toMatchObject({ prefix: 'kpi:', ttlSeconds: 15, serializer: 'json' });
  expect(api).toMatchObject({ prefix: 'api:', ttlSeconds: 300 });
  expect(quotes).toEqual({
    prefix: 'quotes:',
    ttlSeconds: 2,
    serializer: 'msgpack',
    compress: false,
  });
});

describe('reading them', () => {
  const environment = { ...process.env };
  afterEach(() => {
    process.env = { ...environment };
  });

  const given = (
    readParameter: NonNullable<ReadSettingsOptions['readParameter']>,
  ): ReadSettingsOptions => ({
    parameterName: '/market-production/runtime',
    region: 'eu-west-1',
    readParameter,
  });

  test('takes name and region from the environment of a fleet', async () => {
    process.env.ISOCHRONE_SETTINGS = '/market-production/runtime';
    process.env.AWS_REGION = 'eu-west-1';
    const asked: string[] = [];
    const settings = await readSettings({
      readParameter: async (name) => {
        asked.push(name);
        return JSON.stringify(SETTINGS);
      },
    });
    expect([settings, asked]).toEqual([SETTINGS, ['/market-production/runtime']]);
  });

  test('says what is not named', async () => {
    delete process.env.ISOCHRONE_SETTINGS;
    delete process.env.AWS_REGION;
    await expect(readSettings()).rejects.toThrow(
      /parameterName must be the name of a parameter, got nothing/,
    );
    await expect(readSettings({ parameterName: '/x' })).rejects.toThrow(/region must be a region/);
    await expect(readSettings({ parameterName: '/x', region: 'r', timeoutMs: 0 })).rejects.toThrow(
      /timeoutMs must be/,
    );
  });

  test('says that there is no such parameter, and where it looked', async () => {
    await expect(readSettings(given(async () => undefined))).rejects.toThrow(
      /"\/market-production\/runtime" must be a parameter that can be read in eu-west-1.*no such parameter/,
    );
  });

  test('names the permission that is missing', async () => {
    const denied = Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' });
    await expect(readSettings(given(async () => Promise.reject(denied)))).rejects.toThrow(
      /not authorized\.\n.*ssm:GetParameter/,
    );
  });

  test('ends at its deadline, though the reader never does, and tells the reader', async () => {
    let signal: AbortSignal | undefined;
    const never = given((_name, aborted) => {
      signal = aborted;
      return new Promise(() => {});
    });
    await expect(readSettings({ ...never, timeoutMs: 20 })).rejects.toThrow(/longer than 20 ms/);
    expect(signal?.aborted).toBe(true);
  });

  test('names the parameter whose document is wrong', async () => {
    await expect(readSettings(given(async () => '{}'))).rejects.toThrow(
      /^The parameter \/market-production\/runtime of eu-west-1: version must be 1, got nothing/,
    );
  });
});
