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

/** The diagram's place in its page. */
const BLOCK = /```mermaid\n[\s\S]*?\n```/;

function diagramPage(): string {
  return readFileSync(DIAGRAM, 'utf8').replace(
    BLOCK,
    `\`\`\`mermaid\n${deploymentDiagram(readAssembly(join(ROOT, 'cdk.out')))}\n\`\`\``,
  );
}

const generated: readonly { file: string; content: string }[] = [
  { file: SCHEMA, content: `${JSON.stringify(deploymentJsonSchema(), null, 2)}\n` },
  { file: DIAGRAM, content: diagramPage() },
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
