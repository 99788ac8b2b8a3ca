import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { type RdsTokenOptions, rdsToken } from '../../../lib/runtime/replicas/iam';

const NOW = new Date('2026-03-04T05:06:07.890Z');
const OPTIONS: RdsTokenOptions = {
  host: 'hub.abc.eu-west-1.rds.amazonaws.com',
  user: 'application',
  region: 'eu-west-1',
};

/** Node's SHA-256 with the interface that AWS's signer requires. */
class Sha256 {
  private readonly hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash =
      secret === undefined
        ? createHash('sha256')
        : createHmac(
            'sha256',
            typeof secret === 'string' ? secret : Buffer.from(secret as Uint8Array),
          );
  }
  public update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.hash.update(typeof data === 'string' ? data : Buffer.from(data as Uint8Array));
  }
  public async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }
  public reset(): void {}
}

describe('rdsToken', () => {
  beforeEach(() =>
    jest.useFakeTimers({ now: NOW, doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }),
  );
  afterEach(() => jest.useRealTimers());

  test.each([
    [
      { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
      5432,
      'application',
    ],
    [
      { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'other', sessionToken: 'FwoGZX/+=*!token' },
      6543,
      "o'neil (x)",
    ],
  ])('makes the token that AWS’s own signer makes: %j', async (keys, port, user) => {
    const host = OPTIONS.host;
    const token = await rdsToken({ ...OPTIONS, port, user, credentials: async () => keys })();
    const signer = new SignatureV4({
      service: 'rds-db',
      region: 'eu-west-1',
      credentials: keys,
      sha256: Sha256 as never,
    });
    const { query } = await signer.presign(
      {
        method: 'GET',
        protocol: 'https:',
        hostname: host,
        port,
        path: '/',
        headers: { host: `${host}:${port}` },
        query: { Action: 'connect', DBUser: user },
      },
      { expiresIn: 900, signingDate: NOW },
    );
    const [address, text] = [
      token.slice(0, token.indexOf('?')),
      token.slice(token.indexOf('?') + 1),
    ];
    expect(address).toBe(`${host}:${port}/`);
    expect(Object.fromEntries(new URLSearchParams(text))).toEqual(query);
  });

  test('makes another token at another time', async () => {
    const token = rdsToken({
      ...OPTIONS,
      credentials: async () => ({ accessKeyId: 'a', secretAccessKey: 'b' }),
    });
    const first = await token();
    jest.setSystemTime(NOW.getTime() + 1000);
    expect(await token()).not.toBe(first);
  });
});

test.each([
  [{ ...OPTIONS, host: '' }, /host must be text/],
  [{ ...OPTIONS, user: '' }, /user must be text/],
])('refuses %j', (options, message) => {
  expect(() => rdsToken(options)).toThrow(message);
  expect(() => rdsToken(OPTIONS)).not.toThrow();
});
