/** Who may acknowledge a loss, when and how; each rule with an attack and with the honest neighbor. */
import {
  type PullRequestReviews,
  parseReviews,
  reviewedAcknowledgements,
} from '../../../../lib/tools/review/acknowledgements';

const [HEAD, OLD] = ['a'.repeat(40), 'b'.repeat(40)];
type Review = PullRequestReviews['reviews'][number];
const user = (login: string, __typename = 'User') => ({ login, __typename });
const review = (facts: Partial<Review> = {}): Review => ({
  author: user('dba'),
  editor: null,
  lastEditedAt: null,
  state: 'APPROVED',
  body: 'Acknowledge: app/Cache=warmed before',
  commit: { oid: HEAD },
  ...facts,
});
const pull = (...reviews: Review[]): PullRequestReviews => ({
  commit: HEAD,
  author: user('Author'),
  reviews,
  permissions: [
    ['dba', 'write'],
    ['admin', 'admin'],
    ['reader', 'read'],
    ['Author', 'admin'],
  ],
});
const edited = (login: string) => ({ editor: user(login), lastEditedAt: '2026-01-01T00:00:00Z' });

test.each<[string, Partial<Review>]>([
  ['an approval', {}],
  ['a comment', { state: 'COMMENTED' }],
  ['of an administrator', { author: user('admin') }],
  ['that the reviewer has edited', edited('dba')],
  ['whose login is written otherwise', { author: user('DBA') }],
])('a review counts: %s', (_what, facts) => {
  const { acknowledgements, ignored } = reviewedAcknowledgements(pull(review(facts)));
  expect(acknowledgements).toMatchObject([{ path: 'app/Cache' }]);
  expect(acknowledgements[0]?.reason).toContain('warmed before (');
  expect(ignored).toEqual([]);
});

test.each<[string, Partial<Review>, RegExp]>([
  ['of the commit before a push', { commit: { oid: OLD } }, /another commit/],
  ['of a commit that is gone', { commit: null }, /another commit/],
  ['of the author', { author: user('Author') }, /author of the change/],
  ['of the author in another case', { author: user('AUTHOR') }, /author of the change/],
  ['of somebody who reads', { author: user('reader') }, /no write access/],
  ['of a stranger', { author: user('stranger') }, /no write access/],
  ['of a stranger called constructor', { author: user('constructor') }, /no write access/],
  ['of a bot', { author: user('dba', 'Bot') }, /not by a person/],
  ['of a deleted account', { author: null }, /not by a person/],
  ['that the author edited', edited('Author'), /someone else has edited/],
  ['that a deleted account edited', { ...edited('x'), editor: null }, /someone else has edited/],
  ['that was dismissed', { state: 'DISMISSED' }, /dismissed/],
  ['that requests changes', { state: 'CHANGES_REQUESTED' }, /requests changes/],
  ['that is not submitted', { state: 'PENDING' }, /not submitted/],
  ['with an empty line', { body: 'Acknowledge:' }, /not of the form/],
  ['without a reason', { body: 'Acknowledge: app/Cache=' }, /not of the form/],
  [
    'without a reason that is seen',
    { body: 'Acknowledge: app/Cache=\u200b\u2060' },
    /not of the form/,
  ],
  ['without a path', { body: 'Acknowledge: =because' }, /not of the form/],
  ['in a comment', { body: '<!--\nAcknowledge: app/Cache=x\n-->' }, /not a line of its own/],
])('a review does not count: %s', (_what, facts, reason) => {
  const { acknowledgements, ignored } = reviewedAcknowledgements(pull(review(facts)));
  expect(acknowledgements).toEqual([]);
  expect(ignored).toHaveLength(1);
  expect(ignored[0]?.reason).toMatch(reason);
});

test('the author counts if the command says so, with write access only', () => {
  const own = pull(review({ author: user('Author') }));
  expect(reviewedAcknowledgements(own, { authorCounts: true }).acknowledgements).toHaveLength(1);
  const reading = { ...own, permissions: [['Author', 'read']] as [string, string][] };
  expect(reviewedAcknowledgements(reading, { authorCounts: true }).acknowledgements).toEqual([]);
});

test('a review that acknowledges nothing is not mentioned, and one fault is told once', () => {
  const reader = review({ author: user('reader') });
  expect(reviewedAcknowledgements(pull(review({ body: 'Fine.', commit: null }))).ignored).toEqual(
    [],
  );
  expect(reviewedAcknowledgements(pull(reader, reader)).ignored).toHaveLength(1);
});

test.each(['', '[]', '{}', JSON.stringify({ ...pull(), commit: 'main' }), '{"commit":"'])(
  'a file with %j is refused',
  (text) => {
    expect(() => parseReviews(text, 'reviews.json')).toThrow(
      'reviews.json must be the reviews of a pull request',
    );
  },
);

test('what the workflow writes is read', () => {
  expect(parseReviews(JSON.stringify(pull(review())), 'x')).toEqual(pull(review()));
});
