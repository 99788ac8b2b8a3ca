/**
 * A valid deployment as a file's text, and the same text with one line changed: what the config
 * tests start from.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeploymentFileError, parseDeployment } from '../../../lib/model/config/load';
import type { DeploymentProblem } from '../../../lib/model/config/problem';

export const MARKET_FILE = join(__dirname, '..', '..', '..', 'deployments', 'market.yaml');
export const MARKET = readFileSync(MARKET_FILE, 'utf8');

/**
 * The market deployment with one passage replaced. Fails if the passage is not there, so that no
 * case tests nothing.
 */
export function market(passage: string, replacement: string): string {
  if (!MARKET.includes(passage))
    throw new Error(`The market deployment does not contain ${JSON.stringify(passage)}.`);
  return MARKET.replace(passage, replacement);
}

/** What is wrong with a text; nothing if it is right. */
export function problemsOf(text: string): readonly DeploymentProblem[] {
  const error = errorOf(text);
  return error ? error.problems : [];
}

export function errorOf(text: string): DeploymentFileError | undefined {
  try {
    parseDeployment(text, 'market.yaml');
    return undefined;
  } catch (error) {
    if (error instanceof DeploymentFileError) return error;
    throw error;
  }
}
