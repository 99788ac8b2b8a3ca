import {
  isScramVerifier,
  pgbouncerUserList,
  scramVerifier,
} from '../../../../lib/tools/postgres/pgbouncer/users';

// The exchange of RFC 7677: user "user", password "pencil". Its server signature and client proof
// follow from the two keys.
const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const PENCIL =
  'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$' +
  'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';

test('a verifier is derived from password, salt and iterations', () => {
  expect(scramVerifier('pencil', SALT)).toBe(PENCIL);
  expect(scramVerifier('pencil')).not.toBe(scramVerifier('pencil'));
  expect(isScramVerifier(scramVerifier('pencil'))).toBe(true);
});

test.each(['', 'with space', 'pässword', 'a\nb'])(
  'a password that clients would normalize is refused: %j',
  (password) => {
    expect(() => scramVerifier(password)).toThrow('password must be of printable ASCII characters');
  },
);

test('the user list has a line for each user', () => {
  expect(pgbouncerUserList({ app: PENCIL, 'a"b': PENCIL })).toBe(
    `"app" "${PENCIL}"\n"a""b" "${PENCIL}"\n`,
  );
});

test.each([
  'pencil',
  'md545f2603610af569b6155c45067268c6b',
  '',
  `${PENCIL}\n`,
  PENCIL.slice(0, -2),
])('%j is refused as a verifier', (verifier) => {
  expect(() => pgbouncerUserList({ app: verifier })).toThrow(
    'the entry of "app" must be a SCRAM verifier',
  );
});
