import { Client } from 'pg';
import { connectByIam, iamToken } from '../../../../lib/tools/postgres/advice/login';

const LOGIN = {
  host: 'hub.abc.eu-west-1.rds.amazonaws.com',
  port: 5432,
  user: 'probe',
  region: 'eu-west-1',
};
const KEYS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'a/b+c=',
};
const NOW = new Date('2024-03-01T12:00:00.123Z');

/** The signature of the AWS SDK's signer, which its clients depend on. */
async function sdkSignature(credentials: typeof KEYS): Promise<string> {
  const { SignatureV4 } = require('@smithy/signature-v4');
  const { createHash, createHmac } = require('node:crypto');
  class Sha256 {
    private readonly hash;
    constructor(secret?: string | Uint8Array) {
      this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
    }
    update(data: string | Uint8Array) {
      this.hash.update(data);
    }
    async digest() {
      return new Uint8Array(this.hash.digest());
    }
  }
  const signer = new SignatureV4({
    service: 'rds-db',
    region: LOGIN.region,
    credentials,
    sha256: Sha256,
  });
  const signed = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname: LOGIN.host,
      port: LOGIN.port,
      path: '/',
      query: { Action: 'connect', DBUser: LOGIN.user },
      headers: { host: `${LOGIN.host}:${LOGIN.port}` },
    },
    { signingDate: NOW, expiresIn: 900 },
  );
  return signed.query['X-Amz-Signature'];
}

test('the token is the request as the AWS SDK signs it', async () => {
  const token = iamToken(LOGIN, KEYS, NOW);
  expect(token).toMatch(
    /^hub\.abc\.eu-west-1\.rds\.amazonaws\.com:5432\/\?Action=connect&DBUser=probe&/,
  );
  expect(token).toContain('X-Amz-Date=20240301T120000Z');
  expect(new URLSearchParams(token.split('?')[1]).get('X-Amz-Signature')).toBe(
    await sdkSignature(KEYS),
  );
});

test('the token of another role differs', () => {
  expect(iamToken({ ...LOGIN, user: 'other' }, KEYS, NOW)).not.toBe(iamToken(LOGIN, KEYS, NOW));
});

test('a log-in without credentials names the missing variables', async () => {
  await expect(connectByIam(Client, { ...LOGIN, database: 'postgres' }, {})).rejects.toThrow(
    'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set',
  );
});
