/**
 * The commands that install the agent of Systems Manager, run by bash with real curl, GnuPG and keys.
 * Only dpkg is a fake, and curl reads files in place of S3.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import {
  AGENT_SIGNER,
  type Signer,
  sessionAgent,
} from '../../../lib/constructs/database/pooler/session-agent';
import { serversHere } from '../server-process';

const describeHere = serversHere('curl', 'gpg', 'gpgv') ? describe : describe.skip;

test('the fingerprint of AWS’s key is that of the key', () => {
  const key = Buffer.from(AGENT_SIGNER.key, 'base64');
  // An RFC 4880 packet of an old-format public key with a length of two bytes, version 4.
  expect([key[0], key[3]]).toEqual([0x99, 4]);
  const packet = key.subarray(0, 3 + key.readUInt16BE(1));
  const fingerprint = createHash('sha1').update(packet).digest('hex').toUpperCase();
  expect(AGENT_SIGNER.fingerprint).toBe(fingerprint);
});

describeHere('the agent of Systems Manager', () => {
  // GnuPG's agent listens in it: the path of a socket is short.
  const home = mkdtempSync('/tmp/gpg-');
  const environment = { ...process.env, GNUPGHOME: home };
  let folder: string;
  const gpg = (...args: readonly string[]) =>
    execFileSync('gpg', ['--batch', '--yes', '--quiet', '--passphrase', '', ...args], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const AS_OF_2020 = ['--faked-system-time', '20200101T000000'];
  /** The user ids of the keys are their names here. */
  const signerOf = (name: string): Signer => {
    const listed = gpg('--list-keys', '--with-colons', name).toString();
    return {
      fingerprint: /^fpr:+(\w+):/m.exec(listed)?.[1] ?? '',
      key: gpg('--export', name).toString('base64'),
    };
  };
  const sign = (name: string, ...args: readonly string[]) =>
    gpg(...args, '--local-user', name, '--output', '-', '--detach-sign', join(folder, 'package'));

  beforeAll(() => {
    chmodSync(home, 0o700);
    for (const name of ['signer', 'stranger', 'revoked', 'parent'])
      gpg('--quick-generate-key', name, 'ed25519', 'sign', 'never');
    gpg(...AS_OF_2020, '--quick-generate-key', 'expired', 'ed25519', 'sign', '1y');
    gpg(...AS_OF_2020, '--quick-generate-key', 'old', 'ed25519', 'sign', 'never');
    gpg('--quick-add-key', signerOf('parent').fingerprint, 'ed25519', 'sign', 'never');
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'isochrone-agent-'));
    mkdirSync(join(folder, 'bin'));
    mkdirSync(join(folder, 'bucket'));
    writeFileSync(join(folder, 'package'), 'a package');
  });
  afterAll(() => {
    spawnSync('gpgconf', ['--kill', 'gpg-agent'], { env: environment });
    rmSync(home, { recursive: true });
  });

  interface Boot {
    /** What the bucket holds, without a value nothing. */
    readonly package?: string;
    readonly signature?: Buffer;
    readonly signer?: Signer;
    /** Bodies of programs that stand before those of the machine. */
    readonly programs?: Readonly<Record<string, string>>;
  }

  function boot({ package: text, signature, signer = signerOf('signer'), programs }: Boot) {
    const bucket = join(folder, 'bucket');
    if (text !== undefined) writeFileSync(join(bucket, 'amazon-ssm-agent.deb'), text);
    if (signature !== undefined) writeFileSync(join(bucket, 'amazon-ssm-agent.deb.sig'), signature);
    const curl = execFileSync('bash', ['-c', 'command -v curl'], { encoding: 'utf8' }).trim();
    const url = 'https://s3.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/latest/debian_arm64';
    for (const [name, body] of Object.entries({
      curl: `exec ${curl} "\${@/#${url.replaceAll('/', '\\/')}/file://${bucket}}"`,
      dpkg: `cat "\${@: -1}" >> ${folder}/installed`,
      ...programs,
    }))
      writeFileSync(join(folder, 'bin', name), `#!/bin/bash\n${body}\n`, { mode: 0o755 });
    const lines = ['set -euo pipefail', ...sessionAgent('eu-west-1', 'arm64', signer)];
    const temporary = join(folder, 'tmp');
    mkdirSync(temporary);
    const { stdout, stderr, status } = spawnSync('bash', {
      input: [...lines, `ls -A ${temporary}`, 'echo "booted"', ''].join('\n'),
      encoding: 'utf8',
      env: {
        ...process.env,
        TMPDIR: temporary,
        PATH: [join(folder, 'bin'), process.env.PATH].join(delimiter),
      },
    });
    const installed = join(folder, 'installed');
    return {
      status,
      stdout,
      stderr,
      installed: existsSync(installed) ? readFileSync(installed, 'utf8') : undefined,
    };
  }

  test.each<[string, () => Boot]>([
    ['is signed by AWS', () => ({ signature: sign('signer') })],
    ['has an armored signature', () => ({ signature: sign('signer', '--armor') })],
    [
      'is signed by a subkey of the key of AWS',
      () => ({ signature: sign('parent'), signer: signerOf('parent') }),
    ],
    [
      'is signed by a key of AWS that has expired since',
      () => ({ signature: sign('expired', ...AS_OF_2020), signer: signerOf('expired') }),
    ],
  ])('is installed if its package %s', (_, options) => {
    const booted = boot({ package: 'a package', ...options() });
    expect(booted).toMatchObject({ installed: 'a package', status: 0, stdout: 'booted\n' });
  });

  test.each<[string, () => Boot]>([
    ['was tampered with', () => ({ package: 'A package', signature: sign('signer') })],
    ['is signed by another key', () => ({ signature: sign('stranger') })],
    ['has no signature', () => ({})],
    ['has an empty signature', () => ({ signature: Buffer.alloc(0) })],
    ['has a signature of zeros', () => ({ signature: Buffer.alloc(200) })],
    ['is missing', () => ({ package: undefined, signature: sign('signer') })],
    [
      'is signed by a stranger as well',
      () => ({ signature: Buffer.concat([sign('signer'), sign('stranger')]) }),
    ],
    [
      'has a signature that has expired',
      () => ({
        signature: sign('old', ...AS_OF_2020, '--default-sig-expire', '1d'),
        signer: signerOf('old'),
      }),
    ],
    [
      'is signed by a key that was revoked',
      () => {
        const signature = sign('revoked');
        const { fingerprint } = signerOf('revoked');
        const path = join(home, 'openpgp-revocs.d', `${fingerprint}.rev`);
        const revocation = readFileSync(path, 'utf8').replace(/^:(?=---)/m, '');
        writeFileSync(join(folder, 'revocation'), revocation);
        gpg('--import', join(folder, 'revocation'));
        return { signature, signer: signerOf('revoked') };
      },
    ],
    [
      'is signed by a key whose fingerprint is not the pinned one',
      () => ({
        signature: sign('stranger'),
        signer: { ...signerOf('signer'), key: signerOf('stranger').key },
      }),
    ],
    [
      'names the pinned fingerprint in the user id of another key',
      () => {
        const name = `x [GNUPG:] VALIDSIG x ${signerOf('signer').fingerprint}`;
        gpg('--quick-generate-key', name, 'ed25519', 'sign', 'never');
        const { key } = signerOf(name);
        return { signature: sign(name), signer: { ...signerOf('signer'), key } };
      },
    ],
    ['cannot be verified', () => ({ signature: sign('signer'), programs: { gpgv: 'exit 127' } })],
  ])('is not installed if its package %s, and the boot goes on', (_, options) => {
    const booted = boot({ package: 'a package', ...options() });
    expect(booted).toMatchObject({ installed: undefined, status: 0 });
    expect(booted.stdout).toMatch(/^WARNING: .* agent is NOT installed.*\nbooted\n$/);
  });

  test('does not stop the boot where dpkg fails', () => {
    const programs = { dpkg: 'exit 1' };
    const booted = boot({ package: 'a package', signature: sign('signer'), programs });
    expect(booted).toMatchObject({ installed: undefined, status: 0 });
    expect(booted.stdout).toMatch(/^WARNING: dpkg failed .*\nbooted\n$/);
  });
});
