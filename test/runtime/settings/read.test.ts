import { type ReadSettingsOptions, readSettings } from '../../../lib/runtime/settings/read';
import { SETTINGS } from './runtime-settings';

describe('readSettings', () => {
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

  test('takes the name and the region from the environment of a fleet', async () => {
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

  test('refuses a missing name or region, and a bad time limit', async () => {
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

  test('reports a parameter that does not exist, and its region', async () => {
    await expect(readSettings(given(async () => undefined))).rejects.toThrow(
      '"/market-production/runtime" must be a parameter that can be read in eu-west-1, ' +
        'got none: there is no such parameter',
    );
  });

  test('names a missing permission', async () => {
    const denied = Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' });
    await expect(readSettings(given(async () => Promise.reject(denied)))).rejects.toThrow(
      /not authorized\.\n.*ssm:GetParameter/,
    );
  });

  test('ends at its time limit even if the reader does not, and aborts the reader', async () => {
    let signal: AbortSignal | undefined;
    const never = given((_name, aborted) => {
      signal = aborted;
      return new Promise(() => {});
    });
    await expect(readSettings({ ...never, timeoutMs: 20 })).rejects.toThrow(/longer than 20 ms/);
    expect(signal?.aborted).toBe(true);
  });

  test('names the parameter whose document is invalid', async () => {
    await expect(readSettings(given(async () => '{}'))).rejects.toThrow(
      /^The parameter \/market-production\/runtime of eu-west-1: version must be 1, got nothing/,
    );
  });
});
