/** A valid deployment as text, and functions that change a passage of it and parse it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeploymentFileError, parseDeployment } from '../../../lib/model/config/load';
import type { DeploymentProblem } from '../../../lib/model/config/problem';

export const MARKET_FILE = join(__dirname, '..', '..', '..', 'deployments', 'market.yaml');
export const MARKET = readFileSync(MARKET_FILE, 'utf8');

/**
 * The market deployment with one passage replaced.
 *
 * @throws Error if the passage does not exist, since the case would then test nothing
 */
export function market(passage: string, replacement: string): string {
  if (!MARKET.includes(passage))
    throw new Error(`The market deployment does not contain ${JSON.stringify(passage)}.`);
  return MARKET.replace(passage, replacement);
}

/** The problems of a text; empty if it is valid. */
export function problemsOf(text: string): readonly DeploymentProblem[] {
  const error = errorOf(text);
  return error ? error.problems : [];
}

/** The error of a text; undefined if it is valid. */
export function errorOf(text: string): DeploymentFileError | undefined {
  try {
    parseDeployment(text, 'market.yaml');
    return undefined;
  } catch (error) {
    if (error instanceof DeploymentFileError) return error;
    throw error;
  }
}
