import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import {
  changeFile,
  formatChanges,
  promotionChanges,
} from '../../../lib/tools/account/promotion-file';

const MARKET = readFileSync(
  join(__dirname, '..', '..', '..', 'deployments', 'market.yaml'),
  'utf8',
);
const PROMOTED = { region: 'eu-west-1', hub: 'market-production-eu-west-1-hub' };

test('changes the market deployment as the promotion requires, and nothing else', () => {
  const before = parse(MARKET);
  const after = parse(changeFile(MARKET, promotionChanges(MARKET, PROMOTED)));
  before.primaryRegion = 'eu-west-1';
  before.database.promotions = [{ instance: 'market-production-eu-west-1-hub', from: 'us-east-1' }];
  before.regions['us-east-1'].replicaGeneration = 2;
  before.regions['ap-southeast-1'].replicaGeneration = 2;
  expect(after).toEqual(before);
});

test('formats the changed lines with line number and reason, in the order of the file', () => {
  const text = formatChanges(MARKET, promotionChanges(MARKET, PROMOTED), 'market.yaml');
  expect(text).toContain(
    '@@ market.yaml:8  Writes go to this region now.\n' +
      '-primaryRegion: us-east-1\n+primaryRegion: eu-west-1\n',
  );
  expect(text).toContain(
    '+  promotions: [{ instance: market-production-eu-west-1-hub, from: us-east-1 }]',
  );
  expect(text.match(/^[-+].*/gm)).toEqual([
    '-primaryRegion: us-east-1',
    '+primaryRegion: eu-west-1',
    '+    replicaGeneration: 2',
    '+    replicaGeneration: 2',
    '+  promotions: [{ instance: market-production-eu-west-1-hub, from: us-east-1 }]',
  ]);
});

test('a second promotion increases the generations and extends the list of promotions', () => {
  const once = changeFile(MARKET, promotionChanges(MARKET, PROMOTED));
  const twice = parse(
    changeFile(
      once,
      promotionChanges(once, { region: 'us-east-1', hub: 'market-production-us-east-1-2-hub' }),
    ),
  );
  expect(twice.primaryRegion).toBe('us-east-1');
  expect(twice.database.promotions).toEqual([
    { instance: 'market-production-eu-west-1-hub', from: 'us-east-1' },
    { instance: 'market-production-us-east-1-2-hub', from: 'eu-west-1' },
  ]);
  expect(
    Object.values(twice.regions).map(
      (region) => (region as { replicaGeneration?: number }).replicaGeneration,
    ),
  ).toEqual([2, 2, 3]);
});

describe('adds a key', () => {
  const change = [{ path: ['database', 'databaseClass'], value: 'hub', why: '' }];
  test.each([
    [
      'to a block',
      'database:\n  databaseName: market\n',
      'database:\n  databaseClass: hub\n  databaseName: market\n',
    ],
    [
      'to a flow map',
      'database: { databaseName: market }\n',
      'database: { databaseClass: hub, databaseName: market }\n',
    ],
    ['with its section', 'name: market', 'name: market\ndatabase:\n  databaseClass: hub\n'],
  ])('%s', (_where, before, after) => {
    expect(changeFile(before, change)).toBe(after);
  });

  test('is refused where the file has no place for it', () => {
    expect(() => changeFile('database: market\n', change)).toThrow(
      'no place for database.databaseClass',
    );
    expect(() => changeFile('- market\n', change)).toThrow('not a YAML map');
  });
});

describe('adds to a list', () => {
  const change = [{ path: ['promotions'], value: '{ instance: b }', added: true, why: '' }];
  test.each([
    ['that is missing', 'name: market\n', 'promotions: [{ instance: b }]\nname: market\n'],
    ['that is empty', 'promotions: []\n', 'promotions: [{ instance: b }]\n'],
    [
      'on one line',
      'promotions: [{ instance: a }] # so far\n',
      'promotions: [{ instance: a }, { instance: b }] # so far\n',
    ],
    [
      'of lines',
      'promotions:\n  - { instance: a }\nname: market\n',
      'promotions:\n  - { instance: a }\n  - { instance: b }\nname: market\n',
    ],
    [
      'of blocks',
      'promotions:\n  - instance: a\n    from: x\nname: market\n',
      'promotions:\n  - instance: a\n    from: x\n  - { instance: b }\nname: market\n',
    ],
  ])('%s', (_how, before, after) => {
    expect(changeFile(before, change)).toBe(after);
  });
});
