import { IsochroneError } from '../../../lib/model/errors';
import { parseSettings, strategiesOf } from '../../../lib/runtime/settings/document';
import { SETTINGS } from './runtime-settings';

/** The settings with one field, by its path, replaced; removed if no value is given. */
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

describe('parseSettings', () => {
  test('returns the document that was written', () => {
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
  ])('%s: refuses %j and accepts %j', (path, wrong, right, message) => {
    expect(() => parseSettings(changed(path, wrong))).toThrow(IsochroneError);
    expect(() => parseSettings(changed(path, wrong))).toThrow(message);
    expect(() => parseSettings(changed(path, right))).not.toThrow();
  });

  test('refuses text that is not JSON or not an object, and names the document', () => {
    expect(() => parseSettings('{', 'The parameter /x')).toThrow(
      /^The parameter \/x: the document must be JSON/,
    );
    expect(() => parseSettings('[]')).toThrow(
      /^The settings: the document must be an object, got \[\]/,
    );
  });

  test('accepts any name of a strategy, even __proto__', () => {
    const named = JSON.stringify(SETTINGS).replace('"kpi"', '"__proto__"');
    expect(JSON.stringify(parseSettings(named))).toBe(named);
  });

  test('leaves out unknown fields of a newer deployment', () => {
    expect(parseSettings({ ...SETTINGS, more: 1, cache: { ...SETTINGS.cache, more: 1 } })).toEqual(
      SETTINGS,
    );
  });
});

test('strategiesOf merges the standard strategies with those of the deployment', () => {
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
