/**
 * Turns the wall table into rules of dependency-cruiser. They see resolved paths, type imports and
 * circles.
 */
const { WALLS, CDK, NAG, FILES } = require('./walls.cjs');

const place = (room) =>
  `^${/^(bin|lambda-edge)$/.test(room) ? room : `lib/${room.replace('*', '[^/]+')}`}${FILES.includes(room) ? '[.]ts$' : '/'}`;
const external = (packages) =>
  `(^|node_modules/)(${packages.join('|').replaceAll(', ', '|')})(/|$)`;
const forbid = (name, from, to) => ({ name, severity: 'error', from, to });
const HANDLER = '[.]handler[.]ts$';

const walls = WALLS.flatMap(({ rooms: [...of], ours, packages }) =>
  of.flatMap((room) => {
    const from = { path: place(room) };
    const closed = [CDK, NAG].filter((name) => !packages.includes(name));
    const inside = [room, ...ours].map(place);
    return [
      forbid(`${room}: a wall`, from, { path: '^(lib|bin|lambda-edge)/', pathNot: inside }),
      ...(closed.length > 0
        ? [forbid(`${room}: no ${closed.join(', ')}`, from, { path: external(closed) })]
        : []),
    ];
  }),
);

/**
 * A file of a room is imported by files of the same folder and below; everybody else imports the
 * folder by its index.
 */
const folders = [1, 2, 3, 4, 5].map((depth) => {
  const above = Array.from(
    { length: depth },
    (_, i) => `^${Array.from({ length: i + 1 }, (_, j) => `$${j + 1}/`).join('')}`,
  );
  return forbid(
    'a folder is imported by its index',
    {
      path: `^${Array.from({ length: depth }, () => '([^/]+)/').join('')}[^/]+$`,
      pathNot: '^(test|bench|scripts|examples)/',
    },
    {
      path: '^(lib|bin|lambda-edge)/',
      pathNot: above
        .flatMap((folder) => [`${folder}[^/]+$`, `${folder}[^/]+/index[.]ts$`])
        .concat(
          '^lib/(model|constructs|tools)/[^/]+/index[.]ts$',
          FILES.filter((file) => file !== 'index').map(place),
        ),
    },
  );
});

module.exports = {
  forbidden: [
    forbid('no circles', {}, { circular: true }),
    ...walls,
    ...folders,
    forbid(
      'a handler runs in AWS',
      { path: HANDLER },
      { path: external([CDK, NAG]), reachable: true },
    ),
    forbid(
      'an example imports the packages',
      { path: '^examples/' },
      { path: '^(lib|bin|lambda-edge)/', pathNot: '^lib/(runtime/)?index[.]ts$' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^lib/runtime/dist/' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    includeOnly: '^(bin|lib|lambda-edge|examples|node_modules|aws-cdk-lib|constructs|cdk-nag)',
  },
};
