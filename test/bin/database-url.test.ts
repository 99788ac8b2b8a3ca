import * as fc from 'fast-check';
import { advise, migrate } from '../../bin/commands';
import { readOptions } from '../../bin/commands/command';
import { databaseAddress } from '../../bin/commands/database-url';

const SECRET = 'hunter2-hunter2';

test.each([
  `postgresql://app:1/${SECRET}@db/market`,
  `postgresql://app:1#${SECRET}@db/market`,
  `host=db password=${SECRET}`,
  `mysql://app:${SECRET}@db/market`,
  SECRET,
])('neither migrate nor advise shows %s', async (database) => {
  for (const run of [
    () => migrate.run(['--database', database, '--folder', 'none']),
    () => advise.run(['--database', database]),
    () => migrate.run([database]),
    () => advise.run(['--json', database]),
  ]) {
    const error = await run().catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('isochrone: ');
    expect(String(error)).not.toContain(SECRET);
  }
});

test('the address has neither user nor password', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{12,30}$/), (password) => {
      const url = `postgresql://app:${encodeURIComponent(password)}@db:5432/market?password=x`;
      expect(databaseAddress(url)).toBe('db:5432/market');
    }),
  );
  expect(databaseAddress('postgres://db/my%40market')).toBe('db/my%40market');
});

test('a misspelled option is named, but not its value', () => {
  const read = () => readOptions([`--databse=${SECRET}`], { usage: '' }, {});
  expect(read).toThrow("Unknown option '--databse'");
  expect(read).not.toThrow(SECRET);
});
