/**
 * Fails where a committed file that is made by this project is older than what it is made from, and
 * says how to renew it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deploymentJsonSchema, JSON_SCHEMA_FILE } from '../lib/model/config/json-schema';
import { readAssembly } from '../lib/tools/assembly/assembly';
import { deploymentDiagram } from '../lib/tools/review/summary/diagram';

const ROOT = join(__dirname, '..');
const SCHEMA = join(ROOT, 'deployments', JSON_SCHEMA_FILE);
const DIAGRAM = join(ROOT, 'docs', 'deployment.md');

const ARCHITECTURE = join(ROOT, 'docs', 'architecture.md');

/** The diagram's place in its page. */
const BLOCK = /```mermaid\n[\s\S]*?\n```/;

function diagramPage(): string {
  return readFileSync(DIAGRAM, 'utf8').replace(
    BLOCK,
    `\`\`\`mermaid\n${deploymentDiagram(readAssembly(join(ROOT, 'cdk.out')))}\n\`\`\``,
  );
}

/** The table's place in its page. */
const WALLS_BLOCK = /(<!-- walls -->\n)[\s\S]*?(<!-- \/walls -->)/;

interface Wall {
  readonly floor: number;
  readonly rooms: readonly string[];
  readonly ours: readonly string[];
  readonly packages: readonly string[];
}

function architecturePage(): string {
  const { WALLS } = require('./walls.cjs') as { WALLS: readonly Wall[] };
  const rows = WALLS.map(
    ({ floor, rooms, ours, packages }) =>
      `| ${floor} | ${grouped(rooms)} | ${grouped(ours) || 'nothing'} | ${packages.join(', ')} |`,
  );
  const table = [
    '| floor | rooms | may import of ours | of the CDK |',
    '| --- | --- | --- | --- |',
    ...rows,
  ];
  return readFileSync(ARCHITECTURE, 'utf8').replace(WALLS_BLOCK, `$1${table.join('\n')}\n$2`);
}

/** Names with the folder that they share written once: `model/{errors, aws}`. */
function grouped(names: readonly string[]): string {
  const folders = new Map<string, string[]>();
  for (const name of names) {
    const [, folder = '', rest = ''] = /^(?:([^/]+)\/)?(.*)$/.exec(name) ?? [];
    folders.set(folder, [...(folders.get(folder) ?? []), rest]);
  }
  return [...folders]
    .map(([folder, rests]) => {
      if (folder === '') return rests.map((rest) => `\`${rest}\``).join(', ');
      return `\`${folder}/${rests.length > 1 ? `{${rests.join(' ')}}` : rests[0]}\``;
    })
    .join(', ');
}

const generated: readonly { file: string; content: string }[] = [
  { file: SCHEMA, content: `${JSON.stringify(deploymentJsonSchema(), null, 2)}\n` },
  { file: DIAGRAM, content: diagramPage() },
  { file: ARCHITECTURE, content: architecturePage() },
];

const write = process.argv.includes('--write');
for (const { file, content } of generated) {
  if (readFileSync(file, 'utf8') === content) continue;
  if (write) writeFileSync(file, content);
  else {
    console.error(
      `${file} is older than what it is made from. Run \`npm run build:generated\` after \`npm start\`, and look at the difference.`,
    );
    process.exitCode = 1;
  }
}
