import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { thirdPartyNotices } from '../scripts/notices';

describe('the notices of bundled packages', () => {
  let root: string;
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const add = (name: string, license: unknown, files: Record<string, string>) => {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.2.3', license }));
    for (const [file, text] of Object.entries(files)) write(`node_modules/${name}/${file}`, text);
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'isochrone-notices-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('hold each package once, in order, with all of its texts', () => {
    add('zeta', 'MIT', { LICENSE: 'text of zeta', 'lib/a.js': '' });
    add('@a/b', 'Apache-2.0', { 'LICENSE.txt': 'text of b', NOTICE: 'notice of b' });
    add('zeta/node_modules/inner', 'ISC', {
      'README.md': '# inner\n\nx\n\n## License\n\ntext of inner\n\nmore\n\n## After\n\nno',
    });
    const text = thirdPartyNotices(root, [
      'lib/ours.ts',
      'node_modules/zeta/lib/a.js',
      'node_modules/zeta/lib/b.js',
      'node_modules/zeta/node_modules/inner/index.js',
      'node_modules/@a/b/index.js',
    ]);
    expect(text.match(/^\S+ 1\.2\.3 \(.*\)$/gm)).toEqual([
      '@a/b 1.2.3 (Apache-2.0)',
      'zeta 1.2.3 (MIT)',
      'zeta/node_modules/inner 1.2.3 (ISC)',
    ]);
    for (const part of ['text of zeta', 'text of b\n\nnotice of b', 'text of inner\n\nmore'])
      expect(text).toContain(part);
    expect(text).not.toContain('no\n');
  });

  test('name the authors of what libpg-query has compiled', () => {
    const text = thirdPartyNotices(join(__dirname, '..'), [
      'node_modules/libpg-query/wasm/index.js',
    ]);
    for (const author of [
      'Dan Lynch',
      'PostgreSQL Global Development Group',
      'The Regents of the University of California',
      'Lukas Fittl',
      'the protobuf-c authors',
      'Yann Collet',
    ])
      expect(text).toContain(author);
  });

  test.each([
    ['GPL-3.0', { LICENSE: 'text' }, /has the licence "GPL-3\.0"/],
    [undefined, { LICENSE: 'text' }, /has the licence undefined/],
    ['MIT', { 'README.md': '# one\n\nno word of it' }, /no text of its licence/],
  ])('refuse a package with %s and %j', (license, files, message) => {
    add('one', license, files as Record<string, string>);
    expect(() => thirdPartyNotices(root, ['node_modules/one/index.js'])).toThrow(message);
  });
});
