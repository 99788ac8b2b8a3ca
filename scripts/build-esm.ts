/**
 * Writes what `import` finds where `require` finds a CommonJS build: a module that hands on the
 * very same objects, each by its name. So a program that uses both has one of each class, and
 * `instanceof` and private fields work across the two.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The entries that have both, as they are built. */
const ENTRIES = ['dist/lib/runtime/index'];

const HEADER = '// Made by the build from the CommonJS entry beside it.\n';

function modules(names: readonly string[], entry: string): string {
  return `${HEADER}import entry from './${entry}.js';\n${names.map((name) => `export const ${name} = entry.${name};`).join('\n')}\n`;
}

function main(): void {
  for (const path of ENTRIES) {
    const file = join(__dirname, '..', path);
    const names = Object.keys(require(`${file}.js`) as object)
      .filter((name) => name !== '__esModule')
      .sort();
    const wrong = names.find(
      (name) => !/^[A-Za-z_$][\w$]*$/.test(name) || name === 'default' || name === 'entry',
    );
    if (names.length === 0 || wrong !== undefined) {
      throw new Error(
        `${path}.js must export names that a module can, got ${wrong ?? 'none'}. Rename the export.`,
      );
    }
    const entry = path.split('/').at(-1) as string;
    writeFileSync(`${file}.mjs`, modules(names, entry));
    // The types are those of the other entry: with declarations of its own, a class would be two to
    // the compiler.
    writeFileSync(`${file}.d.mts`, `${HEADER}export * from './${entry}.js';\n`);
  }
}

main();
