/**
 * The acknowledgements in the reviews of a pull request on GitHub. One counts if a person who may
 * write to the repository, and who is not the author of the change, submitted it with a review of
 * the commit that would be merged. A push therefore ends all acknowledgements.
 */
import { z } from 'zod';
import { IsochroneError } from '../../../model/errors';
import { type Acknowledgement, parseAcknowledgement } from '../findings';
import { acknowledgementLines } from './lines';

const COMMIT = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'must be a full hash');
const ACTOR = z.object({ login: z.string(), __typename: z.string().optional() }).nullable();

const REVIEW = z.object({
  author: ACTOR,
  /** Who edited it last; null if nobody did. */
  editor: ACTOR,
  lastEditedAt: z.string().nullable(),
  state: z.string(),
  body: z.string(),
  /** The commit that was reviewed; null if it is gone. */
  commit: z.object({ oid: z.string() }).nullable(),
});

const REVIEWS = z.object({
  /** The commit that is reviewed now. */
  commit: COMMIT,
  /** The author of the pull request. */
  author: ACTOR,
  /** As GitHub's GraphQL API has them, the oldest first. */
  reviews: z.array(REVIEW),
  /** What each reviewer may do, by login: `admin`, `write`, `read` or `none`. */
  permissions: z.array(z.tuple([z.string(), z.string()])),
});

/** The reviews of a pull request, as the workflow reads them. */
export type PullRequestReviews = z.infer<typeof REVIEWS>;
type Review = z.infer<typeof REVIEW>;

/** An acknowledgement that does not count. */
export interface IgnoredAcknowledgement {
  /** The login of the reviewer. */
  readonly by: string;
  /** Why it does not count, as the end of a sentence. */
  readonly reason: string;
}

/**
 * Parses the file of the reviews.
 *
 * @param file its name, for errors
 * @throws IsochroneError if it has another form
 */
export function parseReviews(text: string, file: string): PullRequestReviews {
  let reason: string;
  try {
    const parsed = REVIEWS.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    reason = `${issue?.path.join('.')}: ${issue?.message}`;
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  throw new IsochroneError(
    `${file} must be the reviews of a pull request, got something else (${reason}).\n` +
      'The workflow in examples/workflows writes it from the API of GitHub.',
  );
}

/** Options of `reviewedAcknowledgements`. */
export interface ReviewedOptions {
  /**
   * Whether the author of the pull request may acknowledge, for a repository with one maintainer.
   *
   * @default false
   */
  readonly authorCounts?: boolean;
}

/** The acknowledgements of the reviews that count, and why others do not. */
export function reviewedAcknowledgements(
  pull: PullRequestReviews,
  options: ReviewedOptions = {},
): {
  readonly acknowledgements: readonly Acknowledgement[];
  readonly ignored: readonly IgnoredAcknowledgement[];
} {
  const acknowledgements: Acknowledgement[] = [];
  const ignored: IgnoredAcknowledgement[] = [];
  for (const review of pull.reviews) {
    const by = review.author?.login ?? 'ghost';
    const lines = acknowledgementLines(review.body);
    const objection = lines.length > 0 ? objectionTo(review, pull, options) : undefined;
    if (objection !== undefined) ignored.push({ by, reason: objection });
    else
      for (const { value, visible } of lines) {
        const parsed = visible ? parsedLine(value) : undefined;
        if (parsed) acknowledgements.push({ ...parsed, reason: `${parsed.reason} (${by})` });
        else
          ignored.push({
            by,
            reason: visible
              ? 'it is not of the form `Acknowledge: PATH=REASON`'
              : 'it is not a line of its own, or stands in or after a quote, code or HTML',
          });
      }
  }
  return { acknowledgements, ignored: distinct(ignored) };
}

function distinct(ignored: readonly IgnoredAcknowledgement[]): IgnoredAcknowledgement[] {
  const keyed = ignored.map((each) => [`${each.by} ${each.reason}`, each] as const);
  return [...new Map(keyed).values()];
}

/** Why no acknowledgement of a review counts; undefined if nothing speaks against it. */
function objectionTo(
  { author, editor, lastEditedAt, state, commit }: Review,
  pull: PullRequestReviews,
  { authorCounts = false }: ReviewedOptions,
): string | undefined {
  if (author === null || author.__typename !== 'User') return 'it is not by a person';
  const isSame = (login: string | undefined) => login?.toLowerCase() === author.login.toLowerCase();
  if (!authorCounts && isSame(pull.author?.login)) return 'it is by the author of the change';
  const permission = pull.permissions.find(([login]) => isSame(login))?.[1];
  if (permission !== 'admin' && permission !== 'write') return 'the reviewer has no write access';
  if (state !== 'APPROVED' && state !== 'COMMENTED')
    return 'the review was dismissed, is not submitted, or requests changes';
  if (commit?.oid !== pull.commit) return 'the review is of another commit; review the new one';
  if (lastEditedAt !== null && !isSame(editor?.login))
    return 'someone else has edited the review; submit a new one';
  return undefined;
}

/** Undefined for a line without a path or without a reason that can be read. */
function parsedLine(value: string): Acknowledgement | undefined {
  try {
    const parsed = parseAcknowledgement(value);
    return /[\p{L}\p{N}]/u.test(parsed.reason) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
