/** Archives as tools write them, and archives that nobody should write. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { unpackArchive } from '../../../lib/tools/assembly';
import { serversHere } from '../../servers/server-process';

interface Entry {
  readonly name: string;
  readonly content?: Buffer;
  /** The mode of Unix. */
  readonly mode?: number;
  readonly method?: number;
  readonly flags?: number;
  /** The declared size; the true one by default. */
  readonly size?: number;
}

/** An archive with any entries. */
function zip(entries: readonly Entry[], comment = ''): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const {
    name,
    content = Buffer.from('x'),
    mode = 0o100644,
    method = 8,
    flags = 0,
    size,
  } of entries) {
    const data = method === 8 ? deflateRawSync(content) : content;
    const nameBytes = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(nameBytes.length, 26);
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE(flags, 8);
    header.writeUInt16LE(method, 10);
    header.writeUInt32LE(data.length, 20);
    header.writeUInt32LE(size ?? content.length, 24);
    header.writeUInt16LE(nameBytes.length, 28);
    header.writeUInt32LE((mode << 16) >>> 0, 38);
    header.writeUInt32LE(offset, 42);
    locals.push(local, nameBytes, data);
    central.push(header, nameBytes);
    offset += 30 + nameBytes.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, directory, end, Buffer.from(comment)]);
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'isochrone-archive-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function unpack(archive: Buffer, limits?: Parameters<typeof unpackArchive>[2]): string {
  const file = join(folder, 'a.zip');
  const into = join(folder, 'into');
  writeFileSync(file, archive);
  mkdirSync(into);
  unpackArchive(file, into, limits);
  return into;
}

test('files, folders and a comment are read', () => {
  const into = unpack(
    zip(
      [
        { name: 'manifest.json', content: Buffer.from('{}') },
        { name: 'assets/', content: Buffer.alloc(0), mode: 0o040755, method: 0 },
        { name: 'assets/a..b/ü 1.js', content: Buffer.from('stored'), method: 0 },
        { name: 'empty', content: Buffer.alloc(0), mode: 0 },
      ],
      'a comment',
    ),
  );
  expect(readFileSync(join(into, 'manifest.json'), 'utf8')).toBe('{}');
  expect(readFileSync(join(into, 'assets/a..b/ü 1.js'), 'utf8')).toBe('stored');
  expect(readFileSync(join(into, 'empty'))).toHaveLength(0);
});

test('an empty archive is read', () => {
  expect(existsSync(unpack(zip([])))).toBe(true);
});

test.each<[string, Entry[], RegExp]>([
  ['a name that leads up', [{ name: '../evil' }], /leads elsewhere/],
  ['a name that leads up later', [{ name: 'a/../../evil' }], /leads elsewhere/],
  ['an absolute name', [{ name: '/tmp/evil' }], /leads elsewhere/],
  ['a name of Windows', [{ name: '..\\evil' }], /leads elsewhere/],
  ['a drive', [{ name: 'C:evil' }], /leads elsewhere/],
  ['a NUL', [{ name: 'a\0b' }], /leads elsewhere/],
  ['a line break', [{ name: 'a\nb' }], /leads elsewhere/],
  ['no name', [{ name: '' }], /leads elsewhere/],
  ['a dot', [{ name: './a' }], /leads elsewhere/],
  ['two slashes', [{ name: 'a//b' }], /leads elsewhere/],
  ['a long name', [{ name: 'a'.repeat(1025) }], /leads elsewhere/],
  ['a link', [{ name: 'a', mode: 0o120777, content: Buffer.from('/etc') }], /no plain file/],
  ['a device', [{ name: 'a', mode: 0o020644 }], /no plain file/],
  ['one name twice', [{ name: 'a' }, { name: 'a' }], /EEXIST/],
  ['a file as a folder', [{ name: 'a' }, { name: 'a/b' }], /EEXIST|ENOTDIR/],
  ['encryption', [{ name: 'a', flags: 1 }], /encrypted/],
  ['another compression', [{ name: 'a', method: 12 }], /unusual/],
  [
    'more than declared',
    [{ name: 'a', content: Buffer.alloc(10_000), size: 10 }],
    /larger than|another size/,
  ],
  ['less than declared', [{ name: 'a', size: 10 }], /another size/],
  ['an entry of zip64', [{ name: 'a', size: 0xffffffff }], /zip64/],
])('%s is refused', (_what, entries, reason) => {
  expect(() => unpack(zip(entries))).toThrow(reason);
  expect(existsSync(join(folder, 'evil'))).toBe(false);
});

test.each<[string, object]>([
  ['of the archive', { archiveBytes: 100 }],
  ['of the files together', { totalBytes: 199 }],
  ['of entries', { entries: 1 }],
])('the limit %s holds', (_what, limit) => {
  const two = zip([
    { name: 'a', content: Buffer.alloc(100) },
    { name: 'b', content: Buffer.alloc(100) },
  ]);
  const limits = { archiveBytes: 1e6, totalBytes: 200, entries: 2 };
  expect(() => unpack(two, { ...limits, ...limit })).toThrow('cannot be unpacked');
  rmSync(join(folder, 'into'), { recursive: true });
  expect(existsSync(join(unpack(two, limits), 'b'))).toBe(true);
});

test('what is no archive, or is cut off, is refused', () => {
  const whole = zip([{ name: 'a', content: Buffer.from('hello') }]);
  for (const broken of [
    Buffer.alloc(0),
    Buffer.from('no zip'),
    whole.subarray(0, 30),
    whole.subarray(20),
  ]) {
    expect(() => unpack(broken)).toThrow('cannot be unpacked');
    rmSync(join(folder, 'into'), { recursive: true });
  }
});

const zipHere = serversHere('zip') ? test : test.skip;

zipHere('an archive of zip is read, and one with a link is not', () => {
  const source = join(folder, 'source');
  mkdirSync(join(source, 'deep'), { recursive: true });
  writeFileSync(join(source, 'deep/text'), 'a'.repeat(10_000));
  execFileSync('zip', ['-qr', '../made.zip', '.'], { cwd: source });
  const into = unpack(readFileSync(join(folder, 'made.zip')));
  expect(readFileSync(join(into, 'deep/text'), 'utf8')).toHaveLength(10_000);
  symlinkSync('/etc/passwd', join(source, 'link'));
  execFileSync('zip', ['-qry', '../linked.zip', '.'], { cwd: source });
  rmSync(into, { recursive: true });
  expect(() => unpack(readFileSync(join(folder, 'linked.zip')))).toThrow('no plain file');
});
