/**
 * The notices of the packages whose code a bundle contains: their licences ask that copies carry
 * them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Licences that allow a copy inside a bundle, with their notice beside it (SPDX identifiers). */
const ALLOWED = new Set(
  '0BSD Apache-2.0 BlueOak-1.0.0 BSD-2-Clause BSD-3-Clause ISC MIT MIT-0'.split(' '),
);
const PACKAGE = /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/;
/** Compiled code of others in a package, which the package's own licence does not name. */
const COMPILED = new Map([
  ['libpg-query', readFileSync(join(__dirname, 'libpg-query-notice.txt'), 'utf8').trim()],
]);
const NOTICE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;

/**
 * @param root the folder that the paths start from
 * @param inputs the files of all bundles, as esbuild's metafile names them
 * @throws Error for a package with another licence, or without the text of its licence
 */
export function thirdPartyNotices(root: string, inputs: Iterable<string>): string {
  const folders = new Set([...inputs].flatMap((input) => PACKAGE.exec(input)?.[0] ?? []));
  const notices = [...folders].map((folder) => noticeOf(root, folder));
  return `Packages whose code is part of this package.\n\n${[...new Set(notices)].sort().join('\n')}`;
}

function noticeOf(root: string, folder: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(join(root, folder, 'package.json'), 'utf8'),
  ) as { name: string; version: string; license?: unknown };
  if (typeof license !== 'string' || !ALLOWED.has(license))
    throw new Error(
      `${name} ${version} has the licence ${JSON.stringify(license)}, which is not one of ` +
        `${[...ALLOWED].join(', ')}. Leave the package out of the bundle, or have it checked.`,
    );
  const text = licenceText(join(root, folder));
  if (text === undefined)
    throw new Error(`${name} ${version} has no text of its licence (${license}).`);
  const texts = [text, COMPILED.get(name)].filter((part) => part !== undefined);
  return `${'-'.repeat(79)}\n${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
}

/** The files with a licence or a notice; without one, what the README says under such a heading. */
function licenceText(folder: string): string | undefined {
  const names = readdirSync(folder).sort();
  const files = names.filter((file) => NOTICE.test(file));
  if (files.length > 0)
    return files.map((file) => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n');
  const readme = names.find((file) => /^readme\b/i.test(file));
  const text = readme === undefined ? '' : readFileSync(join(folder, readme), 'utf8');
  const section = text.split(/^#+ */m).find((part) => /^licen[cs]e\b/i.test(part));
  return section?.replace(/^.*\n/, '').trim() || undefined;
}
