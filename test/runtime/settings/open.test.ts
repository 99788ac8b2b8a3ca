import type { RuntimeSettings } from '../../../lib/model/contracts/runtime';
import { poolOptions } from '../../../lib/runtime/settings/open';
import { SETTINGS } from './runtime-settings';

const credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 'b' });
const readSecret = async () => JSON.stringify({ username: 'orders_a', password: 'secret' });

const { poolers, ...withoutPoolers } = SETTINGS.database;
const DIRECT: RuntimeSettings = { ...SETTINGS, database: withoutPoolers };

test('through poolers, readers and writer each get half of the connections', async () => {
  const login = {
    host: 'poolers.example',
    port: 5432,
    user: 'orders_a',
    password: 'secret',
    ssl: { rejectUnauthorized: false },
  };
  expect(await poolOptions(SETTINGS, { readSecret })).toMatchObject({
    writer: { ...login, database: 'market_writer' },
    readers: [{ ...login, database: 'market' }],
    max: 25,
    min: 5,
    idleTimeoutMs: 10_000,
    connectTimeoutMs: 3000,
    acquireTimeoutMs: 10_000,
  });
});

test.each<[string, RuntimeSettings]>([
  ['the region has none', DIRECT],
  [
    'the settings name no secret for them',
    {
      ...SETTINGS,
      database: { ...SETTINGS.database, poolers: { ...poolers, secretName: undefined } as never },
    },
  ],
])('without poolers because %s, the login is a token for the instance', async (_, settings) => {
  const options = await poolOptions(settings, { credentials, databaseAuthorities: 'PEM' });
  const [writer] = [options.writer].flat();
  expect(writer).toMatchObject({
    host: 'hub.example',
    database: 'market',
    user: 'application',
    ssl: { rejectUnauthorized: true, ca: 'PEM' },
  });
  expect(writer?.ssl).not.toHaveProperty('checkServerIdentity');
  expect(await (writer as { password: () => Promise<string> }).password()).toMatch(
    /^hub\.example:5432\/\?Action=connect&DBUser=application&/,
  );
});

test('without poolers, reads go to the writer, and elsewhere to the hub', async () => {
  const elsewhere = await poolOptions(DIRECT, { credentials });
  expect(elsewhere.readers).toMatchObject([{ host: 'hub.example' }]);
  const primary = await poolOptions({ ...DIRECT, primaryRegion: DIRECT.region }, { credentials });
  expect([primary.readers, primary.max, primary.min]).toEqual([[], 50, 10]);
});

test('a pool has at least two connections', async () => {
  const pool = { ...SETTINGS.database.pool, minConnections: 1, maxConnections: 1 };
  expect(
    await poolOptions({ ...SETTINGS, database: { ...SETTINGS.database, pool } }, { readSecret }),
  ).toMatchObject({ min: 0, max: 2 });
});
