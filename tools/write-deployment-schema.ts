/** Writes the JSON Schema of deployment files, which editors complete them by. `npm run check` fails where it is not current. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deploymentJsonSchema, JSON_SCHEMA_FILE } from '../lib/config/json-schema';

writeFileSync(join(__dirname, '..', 'deployments', JSON_SCHEMA_FILE), `${JSON.stringify(deploymentJsonSchema(), null, 2)}\n`);
