/**
 * Reads a deployment file: from YAML to a checked, complete deployment. All mistakes of the file
 * are reported at once, each with its line, so that fixing them does not take one synthesis each.
 */
import { readFileSync } from 'node:fs';
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { describeValue, IsochroneError } from '../errors';
import {
  cacheProblems,
  databaseProblems,
  edgeProblems,
  regionProblems,
  runtimeProblems,
} from './checks';
import { complete } from './completion';
import { type Deployment, deploymentSchema } from './deployment';
import { type DeploymentProblem, formatPath } from './problem';
import { schemaProblems } from './schema-problems';

/** An invalid deployment file. `message` lists every problem with its place. */
export class DeploymentFileError extends IsochroneError {
  public override readonly name = 'DeploymentFileError';

  constructor(
    public readonly file: string,
    public readonly problems: readonly DeploymentProblem[],
    message: string,
  ) {
    super(message);
  }
}

/**
 * Reads, checks and completes a deployment file.
 *
 * @param file its path, as it appears in messages
 * @throws DeploymentFileError with every problem of the file
 */
export function loadDeployment(file: string): Deployment {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DeploymentFileError(
      file,
      [],
      `${file}: the deployment file cannot be read (${reason}).\n` +
        'Name an existing file with `-c deployment=path.yaml`.',
    );
  }
  return parseDeployment(source, file);
}

/**
 * As `loadDeployment`, from text.
 *
 * @throws DeploymentFileError with every problem of the text
 */
export function parseDeployment(source: string, file: string): Deployment {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, merge: true });
  // Warnings are unknown tags and keys that are not text: their values would silently not apply.
  const complaints = [...document.errors, ...document.warnings];
  if (complaints.length > 0) {
    const mistakes = complaints.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return (
        `${file}:${line}:${col}\n  YAML    ${error.message}\n` +
        '  fix     Correct the YAML; an editor with a YAML extension shows the place.'
      );
    });
    throw new DeploymentFileError(file, [], summary(file, mistakes));
  }
  const data = toData(document, file);
  const { deployment, problems } = check(data);
  if (deployment && problems.length === 0) return deployment;
  const placed = problems
    .map((problem) => ({ problem, ...place(document, lines, problem) }))
    .sort((a, b) => a.line - b.line || a.col - b.col);
  throw new DeploymentFileError(
    file,
    placed.map(({ problem }) => problem),
    summary(
      file,
      placed.map(({ problem, line, col }) => format(problem, `${file}:${line}:${col}`)),
    ),
  );
}

/** Checks data that is not from a file, such as that of a test or a tool. */
export function check(data: unknown): { deployment?: Deployment; problems: DeploymentProblem[] } {
  const parsed = deploymentSchema.safeParse(data);
  if (parsed.success) return { deployment: parsed.data, problems: crossFieldProblems(parsed.data) };
  const problems = schemaProblems(parsed.error.issues, data);
  const completion = complete(
    data,
    problems.map(({ path }) => path),
  );
  if (!completion) return { problems };
  const further = crossFieldProblems(completion.deployment).filter(
    ({ path }) => !completion.untrusted.some((place) => place.every((part, i) => part === path[i])),
  );
  return { problems: [...problems, ...further] };
}

const CHECKS = [regionProblems, databaseProblems, cacheProblems, edgeProblems, runtimeProblems];

function crossFieldProblems(deployment: Deployment): DeploymentProblem[] {
  return CHECKS.flatMap((check) => check(deployment));
}

function toData(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DeploymentFileError(
      file,
      [],
      `${file}: the YAML cannot be expanded (${reason}).\n` +
        'Write the values out, or use fewer aliases.',
    );
  }
}

/**
 * The line and column of a problem: of its value, else of its key, else of the nearest place above
 * it that the file contains.
 */
function place(
  document: Document,
  lines: LineCounter,
  { path, key }: DeploymentProblem,
): { line: number; col: number } {
  for (let depth = path.length; depth >= 0; depth--) {
    const at = path.slice(0, depth);
    const node =
      (depth === path.length && key !== undefined ? keyNode(document, path) : undefined) ??
      document.getIn(at, true);
    const offset = (node as Node | undefined)?.range?.[0];
    if (offset !== undefined) return lines.linePos(offset);
  }
  return { line: 1, col: 1 };
}

function keyNode(document: Document, path: readonly (string | number)[]): Node | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(
    ({ key }) => isScalar(key) && String(key.value) === String(path.at(-1)),
  );
  return pair && isScalar(pair.key) ? pair.key : undefined;
}

function format({ path, value, allowed, rule, fix }: DeploymentProblem, where: string): string {
  return (
    `${where}  ${formatPath(path)}\n  value   ${describeValue(value)}\n` +
    `  must be ${allowed}\n  rule    ${rule}\n  fix     ${fix}`
  );
}

function summary(file: string, mistakes: readonly string[]): string {
  const count = mistakes.length === 1 ? 'One mistake' : `${mistakes.length} mistakes`;
  return `${count} in ${file}. Nothing was synthesized.\n\n${mistakes.join('\n\n')}`;
}
