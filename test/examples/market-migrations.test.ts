import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadDeployment } from '../../lib/model/config/load';
import { DATABASE_ROLES } from '../../lib/model/config/names';

const SQL = readFileSync(
  join(__dirname, '..', '..', 'examples', 'market-api', 'migrations', '0012-roles.sql'),
  'utf8',
);

const { applicationUser: APPLICATION } = loadDeployment(
  join(__dirname, '..', '..', 'deployments', 'market.yaml'),
).database;

test('the migrations create the roles of the application and of the functions', () => {
  const made = /IN ARRAY ARRAY\[([^\]]*)\]/.exec(SQL)?.[1]?.split(', ');
  expect(made?.sort()).toEqual(
    [...Object.values(DATABASE_ROLES), APPLICATION].map((role) => `'${role}'`).sort(),
  );
});
