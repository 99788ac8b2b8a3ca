/**
 * The file itself: every mistake at once, at its line, in words that can be acted on, and never a
 * stack trace.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv from 'ajv';
import { parse } from 'yaml';
import { deploymentJsonSchema } from '../../../lib/model/config/json-schema';
import {
  DeploymentFileError,
  loadDeployment,
  parseDeployment,
} from '../../../lib/model/config/load';
import { physicalNames, systemName } from '../../../lib/model/config/names';
import { PGBOUNCER_DEFAULTS } from '../../../lib/tools/postgres/pgbouncer/pgbouncer';
import { errorOf, MARKET, MARKET_FILE, market, problemsOf } from './market';

describe('a valid file', () => {
  const deployment = loadDeployment(MARKET_FILE);

  test('keeps its values', () => {
    expect(deployment.edge.tiers.static?.continents.apac?.defaultTtlSeconds).toBe(14_400);
    expect(deployment.regions['ap-southeast-1']?.readReplicas).toBe(3);
  });

  test('gets defaults for missing values', () => {
    const { maxPreparedStatements: _, ...figures } = PGBOUNCER_DEFAULTS;
    expect(deployment.database.pooling).toEqual(figures);
    expect(deployment.edge.dropQueryParameters).toEqual(['_', 'fbclid', 'gclid', 'ref', 'utm_*']);
  });

  test('derives the names that other regions use', () => {
    expect(systemName(deployment)).toBe('market-production');
    const names = physicalNames(deployment);
    expect(names.readOrigin).toBe('read.origin.market.example.com');
    expect(names.replicaPrefix('eu-west-1')).toBe('market-production-eu-west-1');
    const again = parseDeployment(
      market('  eu-west-1:\n', '  eu-west-1:\n    replicaGeneration: 2\n'),
      'market.yaml',
    );
    expect(physicalNames(again).replicaPrefix('eu-west-1')).toBe('market-production-eu-west-1-2');
    expect(physicalNames(again).replicaPrefix('us-east-1')).toBe('market-production-us-east-1');
    expect(names.promotionDocument('eu-west-1')).toBe('market-production-promote-eu-west-1');
  });

  // Secrets Manager mistakes a hyphen and six characters at the end of a name for the end of an
  // ARN.
  test('names no secret like a whole ARN', () => {
    const { databaseSecret, originVerifySecret } = physicalNames(deployment);
    for (const name of [databaseSecret, originVerifySecret]) expect(name).not.toMatch(/-.{6}$/);
  });
});

test.each([
  [1, ['regions.eu-west-1.replicaGeneration']],
  [2, []],
])('replicas are made again from generation 2 on: %d', (generation, refused) => {
  const text = market('  eu-west-1:\n', `  eu-west-1:\n    replicaGeneration: ${generation}\n`);
  expect(problemsOf(text).map(({ path }) => path.join('.'))).toEqual(refused);
});

test('merge keys share settings between regions', () => {
  const text = market('  eu-west-1:\n    cidr', '  eu-west-1:\n    <<: { poolers: 4 }\n    cidr');
  expect(parseDeployment(text, 'market.yaml').regions['eu-west-1']?.poolers).toBe(4);
});

describe('an invalid file', () => {
  test('is described with file, line, path, value, rule and fix', () => {
    expect(errorOf(market('readReplicas: 3 #', 'readReplicas: 0 #'))?.message).toBe(
      `One mistake in market.yaml. Nothing was synthesized.

market.yaml:29:19  regions.ap-southeast-1.readReplicas
  value   0
  must be at least 1 outside the primary region
  rule    Without a replica of its own, every read of this region crosses the ocean to the primary.
  fix     Raise it to 1 for a hub alone, or to 3 for a hub with two leaves.`,
    );
  });

  test('has all its mistakes reported at once, in the order of the file', () => {
    const text = market('name: market', 'name: Market')
      .replace('cidr: 10.20.0.0/16', 'cidr: 10.20.0.0')
      .replace('siteName: market.example.com', 'siteName: market.example.org')
      .replace('readReplicas: 3 #', 'readReplicas: three #')
      .replace('tier: media }', 'tier: mdia }')
      .replace('cpuPercent: 85', 'cpuPercent: 185');
    const message = errorOf(text)?.message ?? '';
    expect(
      [...message.matchAll(/^market\.yaml:(\d+):\d+ {2}(\S+)/gm)].map((match) => match[2]),
    ).toEqual([
      'name',
      'domain.siteName',
      'regions.eu-west-1.cidr',
      'regions.ap-southeast-1.readReplicas',
      'edge.behaviors[4].tier',
      'objectives.cpuPercent',
    ]);
  });

  // Common mistakes; `on` is part of the reported line.
  test.each<[string, string, string, { path: string; on: string; says: RegExp }]>([
    [
      'an unknown key, with the right one suggested',
      'engineVersion: "17"',
      'engineVersoin: "17.6"',
      {
        path: 'database.engineVersoin',
        on: 'engineVersoin',
        says: /Did you mean "engineVersion"\?/,
      },
    ],
    [
      'an unknown region',
      '  eu-west-1:\n',
      '  eu-wset-1:\n',
      { path: 'regions.eu-wset-1', on: 'eu-wset-1', says: /Did you mean "eu-west-1"\?/ },
    ],
    [
      'a version that YAML reads as a number',
      'engineVersion: "17"',
      'engineVersion: 17.10',
      { path: 'database.engineVersion', on: 'engineVersion: ', says: /Put it in quotes/ },
    ],
    [
      'another major version',
      'engineVersion: "17"',
      'engineVersion: "15.4"',
      { path: 'database.engineVersion', on: 'engineVersion: ', says: /major version 16, 17 or 18/ },
    ],
    [
      'an account without quotes',
      'protection: retained',
      'account: 123456789012',
      { path: 'account', on: 'account: 1', says: /Put it in quotes/ },
    ],
    [
      'a number in quotes',
      'minInstances: 2',
      'minInstances: "2"',
      { path: 'service.minInstances', on: 'minInstances: ', says: /Remove the quotes: 2\./ },
    ],
    [
      'a fraction',
      'minInstances: 2',
      'minInstances: 2.5',
      { path: 'service.minInstances', on: 'minInstances: ', says: /whole number/ },
    ],
    [
      'nothing where something is needed',
      'primaryRegion: us-east-1\n',
      '',
      { path: 'primaryRegion', on: 'name: market', says: /Add `primaryRegion`/ },
    ],
    [
      'a word that is not one of the words',
      'protection: retained',
      'protection: retain',
      { path: 'protection', on: 'protection: retain', says: /Did you mean "retained"\?/ },
    ],
    [
      'a policy that Valkey does not know',
      'maxmemoryPolicy: allkeys-lru',
      'maxmemoryPolicy: allkeys-lruu',
      { path: 'cache.maxmemoryPolicy', on: 'lruu', says: /Did you mean "allkeys-lru"\?/ },
    ],
    [
      'an Intel instance type',
      'instanceType: m7g.large',
      'instanceType: m7i.large',
      { path: 'service.instanceType', on: 'm7i', says: /arm64/ },
    ],
    [
      'a list where a map is needed',
      'cache:\n  engineVersion: "8.2"\n  nodeType: cache.r7g.large\n  maxmemoryPolicy: ' +
        'allkeys-lru\n  scaling: { maxShards: 4 }',
      'cache: [a]',
      { path: 'cache', on: 'cache: [a]', says: /a map/ },
    ],
    [
      'a percentage over 100',
      'errorPercent: 0.5',
      'errorPercent: 500',
      { path: 'objectives.errorPercent', on: 'errorPercent', says: /at most 100/ },
    ],
    [
      'a rate limit under that of AWS',
      'rateLimitPerMinute: 100',
      'rateLimitPerMinute: 5',
      { path: 'edge.rateLimitPerMinute', on: 'rateLimitPerMinute', says: /at least 10/ },
    ],
    [
      'too long a name',
      'name: market',
      'name: marketplace-of-all',
      { path: 'name', on: 'marketplace', says: /2 to 12/ },
    ],
    [
      'a malformed address',
      '  replicaLagSeconds: 30',
      '  alarmEmails: [ops]',
      { path: 'objectives.alarmEmails[0]', on: 'alarmEmails', says: /email address/ },
    ],
    [
      'an environment with a hyphen',
      'environment: production',
      'environment: pro-duction',
      {
        path: 'environment',
        on: 'pro-duction',
        says: /no two systems and environments share a name/,
      },
    ],
    [
      'a number beyond numbers',
      'minInstances: 2',
      'minInstances: .inf',
      { path: 'service.minInstances', on: '.inf', says: /value {3}Infinity/ },
    ],
    [
      'the master user for applications',
      'databaseName: market',
      'applicationUser: postgres',
      { path: 'database.applicationUser', on: 'applicationUser', says: /master user/ },
    ],
    [
      'eleven parameters in a key',
      'queryParameters: none\n    static',
      `queryParameters: [${[...'abcdefghijk'].join(', ')}]\n    static`,
      {
        path: 'edge.tiers.immutable.queryParameters',
        on: 'a, b, c',
        says: /allows 10 names with a total of 1,024/,
      },
    ],
  ])('%s', (_name, passage, wrong, { path, on, says }) => {
    const text = market(passage, wrong);
    const message = errorOf(text)?.message ?? '';
    const line = text.split('\n').findIndex((written) => written.includes(on)) + 1;
    expect(message).toMatch(
      new RegExp(`^market\\.yaml:${line}:\\d+ {2}${path.replace(/[.[\]]/g, '\\$&')}$`, 'm'),
    );
    expect(message).toMatch(says);
  });
});

describe('a file that is not a deployment', () => {
  test.each<[string, string, RegExp]>([
    ['is empty', '', /must be a map/],
    ['is only a word', 'market', /must be a map/],
    ['is a list', '- a\n- b', /must be a map/],
    ['is broken YAML', 'name: [market', /YAML.*\n.*fix/],
    ['has a tab for indentation', 'regions:\n\tus-east-1: {}', /YAML.*[Tt]ab/],
    ['has an unknown tag', 'name: !secret market', /YAML.*tag/],
    ['says one thing twice', 'name: a\nname: b', /YAML.*unique/],
    ['is two files', 'name: a\n---\nname: b', /YAML.*multiple/i],
    [
      'is an alias bomb',
      'a: &a [x,x,x,x,x,x,x,x,x]\n' +
        `${[...'bcdefgh'].map((key, i) => `${key}: &${key} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`).join('\n')}`,
      /cannot be expanded/,
    ],
    ['names the prototype', '__proto__: {name: market}', /must be/],
    ['is binary', '\u0000\u0001\u0002', /must be|YAML/],
  ])('because it %s', (_name, text, says) => {
    const error = errorOf(text);
    expect(error).toBeInstanceOf(DeploymentFileError);
    expect(error?.message).toMatch(says);
  });

  test('because it does not exist', () => {
    expect(() => loadDeployment('nowhere/market.yaml')).toThrow(
      /nowhere\/market\.yaml: the deployment file cannot be read.*\n.*-c deployment=/,
    );
  });

  test('because it is a folder', () => {
    expect(() => loadDeployment(tmpdir())).toThrow(/cannot be read/);
  });

  test('because it was cut off in the middle of a line', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'isochrone-load-')), 'market.yaml');
    for (const length of [1, 10, 200, 800, 1500, MARKET.length - 600]) {
      writeFileSync(file, MARKET.slice(0, length));
      expect(() => loadDeployment(file)).toThrow(DeploymentFileError);
    }
  });
});

describe('the JSON Schema', () => {
  const committed = JSON.parse(
    readFileSync(
      join(__dirname, '..', '..', '..', 'deployments', 'deployment.schema.json'),
      'utf8',
    ),
  );

  test('is the file in deployments/ to which the market file refers', () => {
    expect(committed).toEqual(JSON.parse(JSON.stringify(deploymentJsonSchema())));
    expect(MARKET).toMatch(/^# yaml-language-server: \$schema=\.\/deployment\.schema\.json$/m);
  });

  test('accepts the market file and refuses a typo in it', () => {
    const validate = new Ajv({ strict: false, formats: { email: true } }).compile(committed);
    expect(validate(parse(MARKET))).toBe(true);
    expect(validate(parse(market('minInstances: 2', 'minInstance: 2')))).toBe(false);
  });
});
