/**
 * Unpacks a zip archive that someone else made, such as the artifact of a workflow that ran foreign
 * code. Whatever such an archive holds, nothing is written outside of the folder, and no more than
 * the limits allow. The format is APPNOTE.TXT of PKWARE, version 6.3.10.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { IsochroneError } from '../../model/errors';

/** What an archive may hold at most. */
export interface ArchiveLimits {
  /** Bytes of the archive itself. */
  readonly archiveBytes: number;
  /** Bytes of all files together. */
  readonly totalBytes: number;
  readonly entries: number;
}

/** A market deployment in three regions has 30 MB of files in 150 entries. */
const LIMITS: ArchiveLimits = { archiveBytes: 2 ** 28, totalBytes: 2 ** 30, entries: 20_000 };

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly headerOffset: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const HEADER_SIGNATURE = 0x04034b50;
const HEADER_BYTES = 30;
const ENCRYPTED = 1;
const STORED = 0;
const DEFLATED = 8;
/** A field with this value has its true value in a record of zip64. */
const ZIP64 = [0xffff, 0xffffffff];
const FILE_TYPE = 0o170000;
const REGULAR_FILE = 0o100000;
const FOLDER = 0o040000;
const LONGEST_NAME = 1024;

/**
 * Unpacks an archive.
 *
 * @param folder an existing, empty folder
 * @throws IsochroneError if the archive is damaged, exceeds the limits, or holds an entry that is no
 * plain file or folder, or whose name leads out of the folder; then some files may be unpacked
 */
export function unpackArchive(file: string, folder: string, limits: ArchiveLimits = LIMITS): void {
  const refuse = (reason: string): never => {
    throw new IsochroneError(
      `${file} cannot be unpacked: ${reason}.\n` +
        'It must be a zip archive of the output folder of `cdk synth`, ' +
        'as the artifact of a workflow is.',
    );
  };
  try {
    if (statSync(file).size > limits.archiveBytes)
      refuse(`it is larger than ${limits.archiveBytes} bytes`);
    unpack(readFileSync(file), folder, limits, refuse);
  } catch (error) {
    if (error instanceof IsochroneError) throw error;
    refuse(error instanceof Error ? error.message : String(error));
  }
}

function unpack(
  zip: Buffer,
  folder: string,
  limits: ArchiveLimits,
  refuse: (reason: string) => never,
): void {
  const entries = entriesOf(zip, limits, refuse);
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > limits.totalBytes) refuse(`it holds more than ${limits.totalBytes} bytes`);
  for (const entry of entries) {
    const target = join(folder, entry.name);
    if (entry.name.endsWith('/')) {
      mkdirSync(target, { recursive: true });
      continue;
    }
    mkdirSync(dirname(target), { recursive: true });
    // A second entry of the same name fails: two readers could see two files.
    writeFileSync(target, contentOf(zip, entry, refuse), { flag: 'wx' });
  }
}

function entriesOf(
  zip: Buffer,
  limits: ArchiveLimits,
  refuse: (reason: string) => never,
): readonly Entry[] {
  let end = zip.length - END_BYTES;
  const first = Math.max(0, end - LONGEST_COMMENT);
  while (end >= first && zip.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < first) return refuse('it is not a zip archive');
  const count = zip.readUInt16LE(end + 10);
  if (count > limits.entries) refuse(`it holds more than ${limits.entries} entries`);
  let at = zip.readUInt32LE(end + 16);
  if (ZIP64.includes(count) || ZIP64.includes(at)) refuse('it is a zip64 archive');
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (zip.readUInt32LE(at) !== ENTRY_SIGNATURE) refuse('its directory is damaged');
    const nameBytes = zip.readUInt16LE(at + 28);
    const name = new TextDecoder('utf-8', { fatal: true }).decode(
      zip.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes),
    );
    const shown = JSON.stringify(name.slice(0, 100));
    if (!isPlainName(name)) refuse(`the name ${shown} leads elsewhere`);
    // The type of a file of Unix. Archives of other systems have none.
    const type = (zip.readUInt32LE(at + 38) >>> 16) & FILE_TYPE;
    if (![0, REGULAR_FILE, FOLDER].includes(type)) refuse(`${shown} is no plain file`);
    const method = zip.readUInt16LE(at + 10);
    const isReadable = [STORED, DEFLATED].includes(method);
    if (!isReadable || (zip.readUInt16LE(at + 8) & ENCRYPTED) !== 0)
      refuse(`${shown} is encrypted or compressed in an unusual way`);
    const [compressedBytes, bytes] = [zip.readUInt32LE(at + 20), zip.readUInt32LE(at + 24)];
    const headerOffset = zip.readUInt32LE(at + 42);
    if ([compressedBytes, bytes, headerOffset].some((value) => ZIP64.includes(value)))
      refuse(`${shown} is an entry of zip64`);
    entries.push({ name, method, compressedBytes, bytes, headerOffset });
    at += ENTRY_BYTES + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return entries;
}

/** Whether a name stays in the folder on every system. */
function isPlainName(name: string): boolean {
  const parts = name.replace(/\/$/, '').split('/');
  return (
    name.length <= LONGEST_NAME &&
    // No control characters, and no separators and streams of Windows.
    !/[\p{Cc}\\:]/u.test(name) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

function contentOf(
  zip: Buffer,
  { name, method, compressedBytes, bytes, headerOffset }: Entry,
  refuse: (reason: string) => never,
): Buffer {
  if (zip.readUInt32LE(headerOffset) !== HEADER_SIGNATURE) refuse('a header is damaged');
  const start =
    headerOffset +
    HEADER_BYTES +
    zip.readUInt16LE(headerOffset + 26) +
    zip.readUInt16LE(headerOffset + 28);
  const stored = zip.subarray(start, start + compressedBytes);
  // One byte more than declared is already an error, so that nothing grows without bound.
  const content =
    method === STORED ? stored : inflateRawSync(stored, { maxOutputLength: Math.max(1, bytes) });
  if (content.length !== bytes) refuse(`${JSON.stringify(name)} has another size than it declares`);
  return content;
}
