import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Duration, type Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import {
  SchemaMigrations,
  type SchemaMigrationsProps,
} from '../../../../lib/constructs/database/migrations/schema-migrations';
import {
  connectionOf,
  startedBy,
} from '../../../../lib/constructs/database/migrations/schema-migrations.handler';
import { testStack } from '../../../test-stack';
import { requiredProps } from '../../service/fixture';

function folder(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-test-'));
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(directory, name), sql);
  return directory;
}

function migrations(stack: Stack, props: Partial<SchemaMigrationsProps> = {}): SchemaMigrations {
  const { vpc } = requiredProps(stack);
  const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:market/database-AbCdEf';
  return new SchemaMigrations(stack, 'Migrations', {
    vpc,
    database: ec2.SecurityGroup.fromSecurityGroupId(stack, 'Database', 'sg-0123456789abcdef0'),
    host: 'market.example.us-east-1.rds.amazonaws.com',
    databaseName: 'market',
    credentials: secretsmanager.Secret.fromSecretCompleteArn(stack, 'Credentials', arn),
    folder: folder({ '0001-a.sql': 'CREATE TABLE a (b int)', 'README.md': '# not SQL' }),
    ...props,
  });
}

describe('by default', () => {
  const stack = testStack();
  const built = migrations(stack);
  const template = Template.fromStack(stack);
  const project = Object.values(template.findResources('AWS::CodeBuild::Project'))[0]?.Properties;

  test('a run may take 36 hours, is the only one at a time, and has no privileges', () => {
    expect(project).toMatchObject({ TimeoutInMinutes: 2160, ConcurrentBuildLimit: 1 });
    expect(project.Environment).toMatchObject({ Type: 'ARM_CONTAINER', PrivilegedMode: false });
  });

  test('CodeBuild reads the password when a run starts; the template lacks it', () => {
    const { env } = JSON.parse(project.Source.BuildSpec);
    const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:market/database-AbCdEf';
    expect(env['secrets-manager']).toEqual({
      PGUSER: `${arn}:username`,
      PGPASSWORD: `${arn}:password`,
    });
    expect(
      project.Environment.EnvironmentVariables.map(({ Name }: { Name: string }) => Name),
    ).toEqual(['PGHOST', 'PGPORT', 'PGDATABASE']);
  });

  test('the database lets the project in, and it reaches nothing else but HTTPS', () => {
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      GroupId: 'sg-0123456789abcdef0',
      FromPort: 5432,
      ToPort: 5432,
    });
    const egress = Object.values(template.findResources('AWS::EC2::SecurityGroup'))[0]?.Properties
      .SecurityGroupEgress;
    expect(egress.map(({ FromPort }: { FromPort: number }) => FromPort)).toEqual([443]);
    template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', {
      FromPort: 5432,
      DestinationSecurityGroupId: 'sg-0123456789abcdef0',
    });
  });

  test('its log is retained', () => {
    template.hasResource('AWS::Logs::LogGroup', {
      DeletionPolicy: Match.stringLikeRegexp('Retain'),
      Properties: { RetentionInDays: 365 },
    });
  });

  test('the command that starts a run is an output', () => {
    const outputs = JSON.stringify(template.findOutputs('*'));
    expect(outputs).toContain('aws codebuild start-build --region us-east-1 --project-name ');
    expect(built.startCommand).toContain('aws codebuild start-build');
  });

  test('a run downloads the authorities of RDS of the region, over TLS', () => {
    expect(project.Source.BuildSpec).toContain(
      'https://truststore.pki.rds.amazonaws.com/us-east-1/us-east-1-bundle.pem',
    );
  });

  test('the asset holds only the handler with its parser, its settings and the SQL files', () => {
    const assembly = stack.node.root as unknown as { outdir: string };
    const asset = readdirSync(assembly.outdir).find((name) => name.startsWith('asset.')) ?? '';
    expect(readdirSync(join(assembly.outdir, asset)).sort()).toEqual([
      'config.json',
      'index.js',
      'libpg-query.wasm',
      'migrations',
    ]);
    expect(readdirSync(join(assembly.outdir, asset, 'migrations'))).toEqual(['0001-a.sql']);
    expect(JSON.parse(readFileSync(join(assembly.outdir, asset, 'config.json'), 'utf8'))).toEqual({
      largeTableBytes: 131072000,
      lockTimeoutMs: 4000,
    });
  });
});

describe('the folder of another tool', () => {
  function foreign(files: Readonly<Record<string, string>>): string {
    const directory = mkdtempSync(join(tmpdir(), 'isochrone-test-'));
    for (const [name, sql] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), sql);
    }
    return directory;
  }
  const files = {
    '2024-01-01_a/up.sql': 'CREATE TABLE a (b int)',
    '2024-01-02_b/up.sql': 'SELECT 1',
    '2024-01-02_b/metadata.toml': 'run_in_transaction = false',
  };

  test('is copied with its folders and settings, and its format and baseline reach the run', () => {
    const stack = testStack();
    migrations(stack, { folder: foreign(files), baseline: '2024-01-01', format: 'diesel' });
    const { outdir } = stack.node.root as unknown as { outdir: string };
    const asset = readdirSync(outdir).find((name) => name.startsWith('asset.')) ?? '';
    const copied = readdirSync(join(outdir, asset, 'migrations'), { recursive: true });
    expect(copied.map(String)).toEqual(expect.arrayContaining(Object.keys(files)));
    expect(JSON.parse(readFileSync(join(outdir, asset, 'config.json'), 'utf8'))).toMatchObject({
      format: 'diesel',
      baseline: '2024-01-01',
    });
  });

  test('is checked at synthesis after its baseline', () => {
    const folder = foreign({ ...files, '2024-01-01_a/up.sql': 'CREATE DATABASE d' });
    expect(() => migrations(testStack(), { folder })).toThrow(/2024-01-01_a\/up\.sql:1: /);
    expect(() => migrations(testStack(), { folder, baseline: '2024-01-01' })).not.toThrow();
    expect(() => migrations(testStack(), { folder, baseline: 'auto' })).not.toThrow();
    expect(() => migrations(testStack(), { folder, baseline: '7' })).toThrow(/got "7"/);
  });
});

test('logEncryptionKey encrypts the log and the project', () => {
  const stack = testStack();
  const key = new kms.Key(stack, 'Key', { enableKeyRotation: true });
  migrations(stack, { logEncryptionKey: key });
  const template = Template.fromStack(stack);
  const arn = stack.resolve(key.keyArn);
  template.hasResourceProperties('AWS::Logs::LogGroup', { KmsKeyId: arn });
  template.hasResourceProperties('AWS::CodeBuild::Project', { EncryptionKey: arn });
});

test.each([
  [
    { timeout: Duration.hours(37) },
    { timeout: Duration.hours(36) },
    /timeout must be 5 to 2160 whole minutes, got 2220/,
  ],
  [
    { folder: folder({ '0001-a.sql': 'CREATE INDEX i ON t (a) WHERE b > now()' }) },
    { folder: folder({ '0001-a.sql': "CREATE INDEX i ON t (a) WHERE b > '2026-01-01'" }) },
    /0001-a\.sql:1: an index expression or predicate must be made of IMMUTABLE functions, got "now\(\)"/,
  ],
])('case %#: the bad value is refused, and the neighboring good one passes', (bad, good, says) => {
  expect(() => migrations(testStack(), bad)).toThrow(says);
  expect(() => migrations(testStack(), good)).not.toThrow();
});

describe('the handler', () => {
  const environment = {
    PGHOST: 'h',
    PGDATABASE: 'd',
    PGUSER: 'u',
    PGPASSWORD: 'secret',
    RDS_CA_FILE: '/ca.pem',
  };

  test("verifies the server against RDS's authorities", () => {
    expect(connectionOf(environment, (file) => `read ${file}`)).toMatchObject({
      port: 5432,
      ssl: { ca: 'read /ca.pem', rejectUnauthorized: true },
    });
  });

  test('names the missing variables, and no secret', () => {
    expect(() => connectionOf({ ...environment, PGHOST: '' })).toThrow(
      'The environment has no PGHOST. Start the project as it was deployed.',
    );
  });

  test('records the initiator and the id of the build in the history', () => {
    expect(startedBy({ CODEBUILD_INITIATOR: 'ops/alice', CODEBUILD_BUILD_ID: 'p:1' })).toBe(
      'ops/alice p:1',
    );
  });
});
